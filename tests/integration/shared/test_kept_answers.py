"""Deletions find kept answers of `Idempotency-Key` by what they mention, sealed or not."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID, uuid4

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from shared.access import Role, Scope
from shared.crypto import Encryptor
from shared.erasure.steps import MENTIONS, OF_USER, Erasing, Step
from shared.events.deletions import DeletionKind, DeletionRequested
from shared.http.caller import Guard
from shared.http.idempotency import HEADER, Idempotency
from shared.http.kept_answers import AnswerSealer
from shared.postgres.connection import Database
from shared.tokens import TokenVerifier
from tests.integration.alerting.deliveries.dispatcher_process import KEYS
from tests.support.installation import TestDatabase
from tests.support.tokens import TokenIssuer

LEFT = "SELECT key FROM idempotency_keys WHERE key = ANY ($1) ORDER BY key"


class Place:
    def __init__(self, database: Database, tokens: TokenIssuer, *, sealed: bool) -> None:
        async def published() -> dict[str, object]:
            return dict(tokens.jwks())

        async def echo(request: Request) -> Response:
            return JSONResponse(await request.json())

        self._database, self._tokens = database, tokens
        sealer = AnswerSealer(database, Encryptor(KEYS)) if sealed else None
        guard = Guard(TokenVerifier(published))
        self._app = Idempotency(
            Starlette(routes=[Route("/", echo, methods=["POST"])]), database, guard, sealer=sealer
        )

    async def answer(self, key: str, body: object, *, by: UUID) -> None:
        """A write with this key was answered with this body."""
        headers = self._tokens.headers(uuid4(), user_id=by, role=Role.ADMIN) | {HEADER: key}
        transport = httpx2.ASGITransport(app=self._app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://service") as client:
            assert (await client.post("/", json=body, headers=headers)).status_code == 200

    async def erase(self, steps: list[Step], kind: DeletionKind, subject: UUID, *parts: UUID) -> None:
        now = datetime.now(UTC)
        deletion = DeletionRequested(
            deletion_id=uuid4(),
            kind=kind,
            subject_id=subject,
            part_ids=parts,
            organization_id=None,
            requested_by=uuid4(),
            requested_at=now,
            backups_expire_at=now,
        )
        async with self._database.transaction(Scope()) as connection:
            for step in steps:
                await step.erase(Erasing(connection, None, None, deletion))  # type: ignore[arg-type]  # statements need neither

    async def left(self, *keys: str) -> list[str]:
        async with self._database.transaction(Scope()) as connection:
            return [row["key"] for row in await connection.fetch(LEFT, keys)]


@pytest.fixture(params=[False, True], ids=["plain", "sealed"])
async def place(
    database: TestDatabase, tokens: TokenIssuer, request: pytest.FixtureRequest
) -> AsyncIterator[Place]:
    async with Database(database.dsn("machines"), service="machines", pool_size=2) as opened:
        yield Place(opened, tokens, sealed=request.param)


async def test_what_mentions_the_subject_or_a_part_goes(place: Place) -> None:
    subject, part, other = uuid4(), uuid4(), uuid4()
    keys = sorted(uuid4().hex for _ in range(3))
    for key, mentioned in zip(keys, (subject, part, other), strict=True):
        await place.answer(key, {"items": [{"machine": f"/machines/{mentioned}"}]}, by=uuid4())
    await place.erase(list(MENTIONS), "machine", subject, part)
    assert await place.left(*keys) == [keys[2]]


async def test_what_others_were_told_about_a_deleted_user_goes(place: Place) -> None:
    user, keys = uuid4(), sorted(uuid4().hex for _ in range(3))
    await place.answer(keys[0], {}, by=user)
    await place.answer(keys[1], {"user_id": str(user), "full_name": "Ada"}, by=uuid4())
    await place.answer(keys[2], {"user_id": str(uuid4()), "full_name": "Grace"}, by=uuid4())
    await place.erase(list(OF_USER), "user", user)
    assert await place.left(*keys) == [keys[2]]
