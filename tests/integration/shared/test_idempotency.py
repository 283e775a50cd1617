"""`Idempotency-Key` on a real database: equality of requests, permissions, and effects of failures."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any
from uuid import uuid4

import httpx2
import pytest
from fastapi import Depends, FastAPI, Request, Response
from pydantic import BaseModel
from structlog.testing import capture_logs

from shared.access import Caller, Identity, Permission, Role, Scope
from shared.ended import AccessRevoked
from shared.errors import Unavailable
from shared.http.application import build_application
from shared.http.caller import Guard
from shared.http.idempotency import Idempotency
from shared.postgres.connection import Connection, Database
from shared.tokens import TokenVerifier
from tests.support.installation import TestDatabase
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually

NOBODY = "postgresql://nobody@127.0.0.1:1/nothing"


class Order(BaseModel):
    name: str


class Breakable(Database):
    """A database that can be made unavailable, and that counts its transactions."""

    away = False
    ended = 0

    @asynccontextmanager
    async def transaction(self, scope: Scope) -> AsyncIterator[Connection]:
        if self.away:
            raise ConnectionRefusedError("away")
        async with super().transaction(scope) as connection:
            yield connection
        self.ended += 1

    async def done(self, count: int) -> bool:
        return self.ended >= count


class Access:
    """Whether the access of every token stands. It cannot be checked `unknown` times."""

    has_ended = False
    unknown = 0

    async def check(self, identity: Identity) -> None:
        if self.unknown:
            self.unknown -= 1
            raise Unavailable("auth does not answer")
        if self.has_ended:
            raise AccessRevoked


class Shop:
    """An application whose writes are counted."""

    def __init__(self, database: Breakable, tokens: TokenIssuer) -> None:
        async def published() -> Mapping[str, Any]:
            return tokens.jwks()

        self.made: list[str] = []
        self.going_on = asyncio.Event()
        self.going_on.set()
        self.database = database
        self.access = Access()
        self._guard = Guard(TokenVerifier(published), self.access)
        self._writer = self._guard.may(Permission.MACHINES_WRITE)

    def app(self) -> FastAPI:
        @asynccontextmanager
        async def lifespan() -> AsyncIterator[None]:
            async with self.database:
                yield

        app = build_application(
            service="shop",
            description="",
            lifespan=lifespan,
            checks={},
            middleware=[Idempotency.middleware(self.database, self._guard)],
        )
        writer = Annotated[Caller, Depends(self._writer)]

        @app.post("/orders", status_code=201)
        async def order(caller: writer, body: Order) -> Order:
            await self.going_on.wait()
            self.made.append(body.name)
            return body

        @app.post("/secrets", status_code=201)
        async def secret(caller: writer) -> str:
            return "secret" if caller.may(Permission.SENSITIVE_METADATA_READ) else "hidden"

        @app.post("/uploads", status_code=202)
        async def upload(caller: writer, request: Request) -> int:
            size = sum([len(piece) async for piece in request.stream()])
            self.made.append(f"{size} bytes")
            return size

        @app.post("/beginnings", status_code=202)
        async def beginning(caller: writer, request: Request) -> str:
            first = await anext(request.stream())
            self.made.append(first.decode())
            return "enough"

        @app.post("/refusals")
        async def refusal(caller: writer) -> Response:
            self.made.append("refused")
            return Response(status_code=409)

        return app


@pytest.fixture
async def shop(database: TestDatabase, tokens: TokenIssuer) -> Shop:
    return Shop(Breakable(database.dsn("machines"), service="machines", pool_size=5), tokens)


@asynccontextmanager
async def opened(shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    app = shop.app()
    async with app.router.lifespan_context(app):
        transport = httpx2.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx2.AsyncClient(transport=transport, base_url="http://shop") as client:
            yield client


@pytest.fixture
async def client(shop: Shop) -> AsyncIterator[httpx2.AsyncClient]:
    async with opened(shop) as made:
        yield made


@pytest.fixture
def headers(tokens: TokenIssuer) -> dict[str, str]:
    return tokens.headers(uuid4()) | {"Idempotency-Key": uuid4().hex}


async def pieces(*contents: bytes) -> AsyncIterator[bytes]:
    for content in contents:
        yield content


def upload(content: bytes) -> dict[str, tuple[str, bytes]]:
    return {"files": ("a.csv", content)}


async def test_another_body_of_the_same_length_is_refused(
    client: httpx2.AsyncClient, shop: Shop, headers: dict[str, str]
) -> None:
    for place, one, other in (
        ("/orders", {"json": {"name": "a"}}, {"json": {"name": "b"}}),
        ("/uploads", {"content": b"1,2,3"}, {"content": b"1,2,4"}),
        ("/uploads", {"files": upload(b"1,2,3")}, {"files": upload(b"1,2,4")}),
    ):
        shop.made.clear()
        mine = headers | {"Idempotency-Key": uuid4().hex}
        assert (await client.post(place, headers=mine, **one)).status_code < 300
        refused = await client.post(place, headers=mine, **other)
        assert (refused.status_code, refused.json()["type"]) == (
            422,
            "urn:dinsight:problem:idempotency-key-reused",
        )
        again = await client.post(place, headers=mine, **one)
        assert (again.status_code < 300, again.headers["Idempotency-Replayed"]) == (True, "true")
        assert len(shop.made) == 1


async def test_a_form_sent_again_with_another_boundary_is_answered_again(
    client: httpx2.AsyncClient, shop: Shop, headers: dict[str, str]
) -> None:
    asked = []
    for _ in range(3):
        answer = await client.post("/uploads", headers=headers, files=upload(b"1,2,3" * 100_000))
        asked.append(answer.request.headers["Content-Type"])
        assert answer.status_code == 202
    assert len(set(asked)) == 3
    assert len(shop.made) == 1


async def test_the_rest_of_a_body_that_the_route_does_not_need_decides_too(
    client: httpx2.AsyncClient, shop: Shop, headers: dict[str, str]
) -> None:
    assert (
        await client.post("/beginnings", headers=headers, content=pieces(b"a", b"b", b"c"))
    ).status_code == 202
    again = await client.post("/beginnings", headers=headers, content=pieces(b"abc"))
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (202, "true")
    other = await client.post("/beginnings", headers=headers, content=pieces(b"a", b"b", b"d"))
    assert other.status_code == 422
    assert shop.made == ["a"]


async def test_a_refusal_before_the_end_of_the_body_may_be_tried_again(
    client: httpx2.AsyncClient, shop: Shop, headers: dict[str, str]
) -> None:
    for body in (b"a", b"b"):
        answer = await client.post("/refusals", headers=headers, content=pieces(body))
        assert (answer.status_code, "Idempotency-Replayed" in answer.headers) == (409, False)
    assert shop.made == ["refused"] * 2


async def test_a_request_in_progress_is_not_done_twice(
    client: httpx2.AsyncClient, shop: Shop, headers: dict[str, str]
) -> None:
    shop.going_on.clear()
    asking = {
        asyncio.create_task(client.post("/orders", headers=headers, json={"name": "a"})) for _ in range(2)
    }
    # The first of the two to arrive waits; the other one is refused immediately.
    told, waiting = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
    second = told.pop().result()
    assert (second.status_code, second.json()["type"]) == (409, "urn:dinsight:problem:in-progress")
    shop.going_on.set()
    assert (await waiting.pop()).status_code == 201
    assert shop.made == ["a"]


@pytest.mark.parametrize("role", [Role.VIEWER, None], ids=["demoted", "removed"])
async def test_a_stored_response_requires_the_permission_that_it_required(
    client: httpx2.AsyncClient, shop: Shop, tokens: TokenIssuer, role: Role | None
) -> None:
    organization, user, key = uuid4(), uuid4(), {"Idempotency-Key": uuid4().hex}
    named = {"X-Organization-Id": str(organization)}
    before = tokens.headers(organization, user_id=user) | named | key
    assert (await client.post("/orders", headers=before, json={"name": "a"})).status_code == 201
    # The token after the change: with another role in the organization, or without membership.
    place = organization if role else uuid4()
    after = tokens.headers(place, role or Role.OWNER, user_id=user) | named
    with_key = await client.post("/orders", headers=after | key, json={"name": "a"})
    without = await client.post("/orders", headers=after, json={"name": "a"})
    assert without.status_code == 403
    assert (with_key.status_code, with_key.json()["detail"]) == (403, without.json()["detail"])
    assert shop.made == ["a"]


async def test_a_stored_response_requires_what_it_shows(
    client: httpx2.AsyncClient, tokens: TokenIssuer
) -> None:
    """What only administrators see does not come back to an administrator of yesterday."""
    organization, user, key = uuid4(), uuid4(), {"Idempotency-Key": uuid4().hex}
    admin, operator = (
        tokens.headers(organization, role, user_id=user) | key for role in (Role.ADMIN, Role.OPERATOR)
    )
    assert (await client.post("/secrets", headers=admin)).json() == "secret"
    assert (await client.post("/secrets", headers=operator)).status_code == 403
    other = {"Idempotency-Key": uuid4().hex}
    assert [(await client.post("/secrets", headers=operator | other)).json() for _ in range(2)] == [
        "hidden"
    ] * 2


async def test_a_stored_response_requires_access_that_stands(
    client: httpx2.AsyncClient, shop: Shop, headers: dict[str, str]
) -> None:
    """The token from before the removal is refused, with the key as without."""
    body = {"name": "a"}
    assert (await client.post("/orders", headers=headers, json=body)).status_code == 201
    shop.access.has_ended = True
    with_key = await client.post("/orders", headers=headers, json=body)
    del headers["Idempotency-Key"]
    without = await client.post("/orders", headers=headers, json=body)
    assert with_key.status_code == without.status_code == 401
    assert with_key.json()["code"] == without.json()["code"] == "access-ended"


async def test_nothing_is_done_without_its_key_because_access_could_not_be_checked_once(
    client: httpx2.AsyncClient, shop: Shop, headers: dict[str, str]
) -> None:
    """The route's own check may succeed a moment later: the write would be done, and again when repeated."""
    shop.access.unknown = 1
    answers = [await client.post("/orders", headers=headers, json={"name": "a"}) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [503, 201, 201]
    assert shop.made == ["a"]


async def test_the_default_organization_is_used_if_none_is_named(
    client: httpx2.AsyncClient, shop: Shop, tokens: TokenIssuer
) -> None:
    user, key = uuid4(), {"Idempotency-Key": uuid4().hex}
    before = tokens.headers(uuid4(), user_id=user) | key
    assert (await client.post("/orders", headers=before, json={"name": "a"})).status_code == 201
    moved = await client.post(
        "/orders", headers=tokens.headers(uuid4(), user_id=user) | key, json={"name": "a"}
    )
    assert moved.status_code == 403


async def test_without_the_database_a_request_with_a_key_fails_like_one_without(
    tokens: TokenIssuer, headers: dict[str, str]
) -> None:
    shop = Shop(Breakable(NOBODY, service="machines", pool_size=1), tokens)
    async with opened(shop) as client:
        answer = await client.post("/orders", headers=headers, json={"name": "a"})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert answer.json()["type"] == "urn:dinsight:problem:unavailable"
    assert shop.made == []


async def test_a_key_is_settled_when_the_database_is_back(
    client: httpx2.AsyncClient, shop: Shop, headers: dict[str, str]
) -> None:
    shop.going_on.clear()
    first = asyncio.create_task(client.post("/orders", headers=headers, json={"name": "a"}))
    await eventually(lambda: shop.database.done(1), what="the claim")
    shop.database.away = True
    with capture_logs() as log:
        shop.going_on.set()
        await eventually(lambda: noted(log, "idempotency key not settled"), what="a try in vain")
    shop.database.away = False
    assert (await first).status_code == 201
    again = await client.post("/orders", headers=headers, json={"name": "a"})
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (201, "true")
    assert shop.made == ["a"]


async def noted(log: Sequence[Mapping[str, Any]], event: str) -> bool:
    return any(entry["event"] == event for entry in log)
