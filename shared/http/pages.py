"""Lists: `{"items": [...], "next_cursor": null}`, paged by keyset cursors."""

import base64
import binascii
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel

from shared.errors import FieldError, Unprocessable
from shared.http.fields import within_reach

DEFAULT_LIMIT = 50
MAX_LIMIT = 500

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Cursor:
    """The sort key of the last row of a page: lists are sorted newest first, then by id."""

    at: datetime
    id: UUID

    def encode(self) -> str:
        return base64.urlsafe_b64encode(f"{self.at.isoformat()}|{self.id}".encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        try:
            at, _, identifier = (
                base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode().partition("|")
            )
            moment = within_reach(datetime.fromisoformat(at))
            if moment.tzinfo is None:
                raise ValueError("no time zone")
            return cls(moment, UUID(identifier))
        except (binascii.Error, ValueError):
            reason = "is not valid. Start without a cursor."
            raise Unprocessable(
                f"The cursor {reason}", errors=[FieldError("/query/cursor", reason)]
            ) from None


@dataclass(frozen=True, slots=True)
class PageRequest:
    limit: int = DEFAULT_LIMIT
    after: Cursor | None = None

    def of_size(self, limit: int) -> "PageRequest":
        return replace(self, limit=limit)

    def following(self, cursor: str) -> "PageRequest":
        """The request for the page that follows, by the `next_cursor` of this one."""
        return replace(self, after=Cursor.decode(cursor))


def _page_request(
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="Rows of a page. As CSV, all rows by default")
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(
            max_length=200,
            description="`next_cursor` of the previous page",
            json_schema_extra={"format": "cursor"},
        ),
    ] = None,
) -> PageRequest:
    return PageRequest(limit, Cursor.decode(cursor) if cursor else None)


PageParameters = Annotated[PageRequest, Depends(_page_request)]


@dataclass(frozen=True, slots=True)
class Slice(Generic[T]):
    """What a repository returns: at most `limit` rows, and the cursor of the last one if more follow."""

    items: Sequence[T]
    next_cursor: Cursor | None

    @classmethod
    def cut(cls, rows: Sequence[T], limit: int, key: Callable[[T], Cursor]) -> "Slice[T]":
        """`rows` were selected with `limit + 1`, which tells whether more follow."""
        items = rows[:limit]
        return cls(items, key(items[-1]) if len(rows) > limit else None)


class Page(BaseModel, Generic[R]):
    items: list[R]
    next_cursor: str | None = None

    @classmethod
    def of(cls, part: Slice[T], convert: Callable[[T], R]) -> "Page[R]":
        return cls(
            items=[convert(item) for item in part.items],
            next_cursor=part.next_cursor.encode() if part.next_cursor else None,
        )
