"""Lists: `{"items": [...], "next_cursor": null}`, paged by keyset cursors."""

import base64
import binascii
import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

import orjson
from fastapi import Depends, Query, Request
from pydantic import BaseModel

from shared.errors import FieldError, Unprocessable
from shared.http.fields import within_reach

DEFAULT_LIMIT = 50
MAX_LIMIT = 500
# An order by name has one in its cursor, of up to 255 characters.
MAX_CURSOR_LENGTH = 2000

ORGANIZATION_HEADER = "X-Organization-Id"

T = TypeVar("T")
R = TypeVar("R")


class InvalidCursor(Unprocessable):
    """`reason` begins with a verb."""

    def __init__(self, reason: str) -> None:
        reason = f"{reason}. Start without a cursor."
        super().__init__(f"The cursor {reason}", errors=[FieldError("/query/cursor", reason)])


def encode(*position: Any) -> str:
    """A place in an order, as text that stands in a query as it is."""
    return base64.urlsafe_b64encode(orjson.dumps(position)).decode().rstrip("=")


def decode(text: str, read: Callable[..., T]) -> T:
    """What `read` makes of the values of a position. Raises InvalidCursor if they are others."""
    try:
        return read(*orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))))
    except (binascii.Error, ValueError, TypeError, AttributeError):
        raise InvalidCursor("is not valid") from None


def bind(position: str, path: str, query: Iterable[tuple[str, str]], organization: str | None) -> str:
    """The cursor of a list: the position, and a mark of the list, its filters and its order.

    A position in one list is one in any other, too, which would leave out rows without saying so.
    """
    filters = sorted(pair for pair in query if pair[0] not in ("limit", "cursor"))
    mark = hashlib.blake2s(orjson.dumps([path, organization, filters]), digest_size=6).digest()
    return f"{position}.{base64.urlsafe_b64encode(mark).decode()}"


def bound(request: Request, position: str) -> str:
    """The cursor with which the list of this request goes on at a position."""
    query = request.query_params.multi_items()
    return bind(position, request.url.path, query, request.headers.get(ORGANIZATION_HEADER))


@dataclass(frozen=True, slots=True)
class Cursor:
    """The sort key of the last row of a page: lists are sorted newest first, then by id."""

    at: datetime
    id: UUID

    def encode(self) -> str:
        return encode(self.at.isoformat(), str(self.id))

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        return decode(text, cls._read)

    @classmethod
    def _read(cls, at: str, identifier: str) -> "Cursor":
        moment = within_reach(datetime.fromisoformat(at))
        if moment.tzinfo is None:
            raise ValueError("no time zone")
        return cls(moment, UUID(identifier))


@dataclass(frozen=True, slots=True)
class PageRequest:
    limit: int = DEFAULT_LIMIT
    after: Cursor | None = None

    def of_size(self, limit: int) -> "PageRequest":
        return replace(self, limit=limit)

    def following(self, position: str) -> "PageRequest":
        """The request for the page that begins at a position."""
        return replace(self, after=Cursor.decode(position))


def _position(
    request: Request,
    cursor: Annotated[
        str | None,
        Query(
            max_length=MAX_CURSOR_LENGTH,
            description="`next_cursor` of the previous page, with the same filters",
            json_schema_extra={"format": "cursor"},
        ),
    ] = None,
) -> str | None:
    if cursor is None:
        return None
    position = cursor.rpartition(".")[0]
    if not position:
        raise InvalidCursor("is not valid")
    if cursor != bound(request, position):
        raise InvalidCursor("belongs to another list or to other filters")
    return position


# Where a page begins, from the cursor of this list; None for the first page.
Position = Annotated[str | None, Depends(_position)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows of a page. As CSV, all rows by default")]


def _page_request(position: Position, limit: Limit = DEFAULT_LIMIT) -> PageRequest:
    return PageRequest(limit, None if position is None else Cursor.decode(position))


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
    """`next_cursor` is a position; `Application` makes it a cursor of the list that was asked for."""

    items: list[R]
    next_cursor: str | None = None

    @classmethod
    def of(cls, part: Slice[T], convert: Callable[[T], R]) -> "Page[R]":
        return cls(
            items=[convert(item) for item in part.items],
            next_cursor=part.next_cursor.encode() if part.next_cursor else None,
        )
