"""A file that takes longer than its token is valid goes on while the access stands, and no longer."""

import csv
import io
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Annotated, Any
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi import APIRouter, Depends
from pydantic import BaseModel

from shared.access import Caller, Role
from shared.ended import EndedAccess
from shared.errors import Unauthenticated, Unavailable
from shared.events.auth import ACCESS_ENDED, AccessEnded
from shared.events.base import Event
from shared.http.application import build_application
from shared.http.pages import Cursor, Page, PageParameters
from shared.http.standing import CHECKED_FOR_SECONDS, PATH, Standing

LIFETIME, SECONDS_A_PAGE, PAGES = 900.0, 40.0, 30
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


class Row(BaseModel):
    number: int


class Auth:
    """Auth's answers about access, from the time on when they are true."""

    def __init__(self) -> None:
        self.now = 0.0
        self.asked: list[float] = []
        self.answers: list[tuple[float, str | Exception]] = [(0.0, "operator")]

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        assert (path, UUID(body["session_id"]), body["api_key_id"]) == (PATH, SESSION, None)
        self.asked.append(self.now)
        [*_, answer] = [answer for since, answer in self.answers if since <= self.now]
        if isinstance(answer, Exception):
            raise answer
        return {"role": answer, "memberships": {str(CALLER.organization_id): answer}}


SESSION = uuid4()
CALLER = Caller(uuid4(), "", "", uuid4(), Role.OPERATOR, "", session_id=SESSION, expires_at=LIFETIME)


async def downloaded(auth: Auth, *, checks: bool = True, ends_at: float = inf) -> tuple[int, bool]:
    """The rows of the file, and whether it is complete; the session ends at a time."""
    ended = EndedAccess()

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        yield

    standing = Standing(auth if checks else None, ended, now=lambda: auth.now)  # type: ignore[arg-type]  # as much of a peer as it needs
    app = build_application(service="t", description="", lifespan=lifespan, checks={}, standing=standing)
    router, pages = APIRouter(), 0

    async def caller() -> Caller:
        return CALLER

    @router.get("/rows")
    async def rows(_caller: Annotated[Caller, Depends(caller)], page: PageParameters) -> Page[Row]:
        nonlocal pages
        pages += 1
        auth.now += SECONDS_A_PAGE
        if auth.now > ends_at:
            payload = AccessEnded(session_id=SESSION, ended_at=NOON)
            ended.add(Event(uuid4(), ACCESS_ENDED, "", None, NOON, payload))
        more = Cursor(NOON - timedelta(days=pages), UUID(int=0)).encode() if pages < PAGES else None
        return Page[Row](items=[Row(number=pages)], next_cursor=more)

    app.include_router(router)
    transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx2.AsyncClient(transport=transport, base_url="http://t") as client:
        try:
            response = await client.get("/rows", headers={"Accept": "text/csv"})
        except httpx2.HTTPError:
            return pages, False
    assert response.status_code == 200
    return len(list(csv.reader(io.StringIO(response.text)))) - 1, pages == PAGES


async def test_it_goes_on_and_auth_is_asked_once_a_minute_after_the_token_has_expired() -> None:
    auth = Auth()
    assert await downloaded(auth) == (PAGES, True)
    assert auth.asked[0] >= LIFETIME
    gaps = [later - earlier for earlier, later in zip(auth.asked, auth.asked[1:], strict=False)]
    assert gaps
    assert min(gaps) >= CHECKED_FOR_SECONDS


@pytest.mark.parametrize(
    "answer",
    [Unauthenticated("ended"), "viewer", Unavailable("down")],
    ids=["ended", "lower role", "unknown"],
)
async def test_it_ends_within_a_minute_of_the_access(answer: str | Exception) -> None:
    auth = Auth()
    auth.answers.append((LIFETIME + 100, answer))
    _, complete = await downloaded(auth)
    assert not complete
    assert auth.now <= LIFETIME + 100 + CHECKED_FOR_SECONDS + SECONDS_A_PAGE


async def test_it_ends_at_once_with_the_session() -> None:
    auth = Auth()
    rows, complete = await downloaded(auth, ends_at=3 * SECONDS_A_PAGE)
    assert not complete
    assert rows <= 5
    assert auth.asked == []


async def test_without_auth_it_ends_with_the_token() -> None:
    auth = Auth()
    assert not (await downloaded(auth, checks=False))[1]
    assert auth.now <= LIFETIME + SECONDS_A_PAGE
    assert auth.asked == []
