"""`Idempotency-Key`: a write that is sent twice is performed once, and gets the same response twice.

The key is claimed before the request runs, and the response is stored after it. If the process dies in
between, the request may be repeated under its key once the claim has not been renewed for a while.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import structlog
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import access
from shared.access import Identity, Permission
from shared.errors import BadRequest, Conflict, Unauthenticated, Unprocessable
from shared.http.bodies import DigestedBody, head_digest
from shared.http.caller import Guard
from shared.http.kept_answers import AnswerSealer, ids_in
from shared.jobs.loop import Loop
from shared.postgres.connection import TRANSIENT_DATABASE_ERRORS, Database

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 255
WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
# Larger responses are not stored; no write of this API has one.
MAX_STORED_RESPONSE_BYTES = 1024 * 1024
ABANDONED_AFTER = timedelta(minutes=2)
KEPT_FOR = timedelta(hours=24)
SETTLE_RETRY_SECONDS = 1.0

logger = structlog.get_logger(__name__)

FORGET_OLD = (
    "DELETE FROM idempotency_keys WHERE user_id = $1 AND created_at < clock_timestamp() - $2::interval"
)
CLAIM = """
INSERT INTO idempotency_keys AS k (user_id, key, fingerprint) VALUES ($1, $2, $3)
ON CONFLICT (user_id, key) DO UPDATE SET created_at = clock_timestamp(), fingerprint = excluded.fingerprint
WHERE k.status IS NULL AND k.created_at < clock_timestamp() - $4::interval
RETURNING true
"""
LOOK_UP = """
SELECT fingerprint, body_digest, rights, status, headers, body, sealed_body FROM idempotency_keys
WHERE user_id = $1 AND key = $2
"""
RENEW = "UPDATE idempotency_keys SET created_at = clock_timestamp() WHERE user_id = $1 AND key = $2"
KEEP = """
UPDATE idempotency_keys SET body_digest = $3, rights = $4, status = $5, headers = $6, body = $7
WHERE user_id = $1 AND key = $2
"""
KEEP_SEALED = """
UPDATE idempotency_keys
SET body_digest = $3, rights = $4, status = $5, headers = $6,
    body = CASE WHEN seals() THEN NULL ELSE $7::bytea END,
    sealed_body = CASE WHEN seals() THEN $8 END, sealed_ids = CASE WHEN seals() THEN $9::text[] END
WHERE user_id = $1 AND key = $2
"""
FORGET = "DELETE FROM idempotency_keys WHERE user_id = $1 AND key = $2"


class KeyReused(Unprocessable):
    code = "idempotency-key-reused"

    def __init__(self) -> None:
        super().__init__(f"This {HEADER} was used for a different request. Use a new key for a new request.")


class InProgress(Conflict):
    code = "in-progress"

    def __init__(self) -> None:
        super().__init__(
            "The first request with this key is still in progress. Try again shortly.",
            headers={"Retry-After": "2"},
        )


@dataclass
class _Response:
    """The response as it passes."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    @property
    def is_storable(self) -> bool:
        return 0 < self.status < 500 and len(self.body) <= MAX_STORED_RESPONSE_BYTES

    @property
    def is_refusal(self) -> bool:
        return self.status >= 400

    def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            pairs = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"]]
            self.headers = [pair for pair in pairs if pair[0] != "date"]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


class Idempotency:
    """ASGI middleware. Keys belong to the user who sent them.

    Requests under the paths in `never_kept` pass as if they had no key, because they contain secrets.
    With a `sealer`, kept responses are encrypted.
    """

    def __init__(
        self,
        app: ASGIApp,
        database: Database,
        guard: Guard,
        never_kept: tuple[str, ...] = (),
        sealer: AnswerSealer | None = None,
    ) -> None:
        self._app = app
        self._database = database
        self._guard = guard
        self._never_kept = never_kept
        self._sealer = sealer

    @classmethod
    def middleware(
        cls,
        database: Database,
        guard: Guard,
        *,
        never_kept: tuple[str, ...] = (),
        sealer: AnswerSealer | None = None,
    ) -> Middleware:
        return Middleware(cls, database=database, guard=guard, never_kept=never_kept, sealer=sealer)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        key = headers.get(HEADER)
        if key is None or scope["method"] not in WRITES or scope["path"].startswith(self._never_kept):
            return await self._app(scope, receive, send)
        if not 0 < len(key) <= MAX_KEY_LENGTH:
            raise BadRequest(f"{HEADER} must have 1 to {MAX_KEY_LENGTH} characters.")
        try:
            identity = await self._guard.identify(headers.get("Authorization"))
        except Unauthenticated:
            # The route itself reports the error. One that cannot be checked now may be by then, and would be
            # done without its key, so that error is raised here.
            return await self._app(scope, receive, send)
        owner, body = _owner(identity), DigestedBody(headers, receive)
        fingerprint = head_digest(scope, headers)
        known = await self._claim(owner, key, fingerprint)
        if known is None:
            return await self._run(owner, key, scope, body, send)
        if known["fingerprint"] != fingerprint:
            raise KeyReused
        if known["status"] is None:
            raise InProgress
        for organization_id, permission in known["rights"] or ():
            identity.in_organization(UUID(organization_id)).require(Permission(permission))
        await body.read_to_the_end()
        if body.digest() != known["body_digest"]:
            raise KeyReused
        await self._stored_response(owner, key, known)(scope, receive, send)

    async def _run(self, owner: UUID, key: str, scope: Scope, body: DigestedBody, send: Send) -> None:
        response = _Response()

        async def forward(message: Message) -> None:
            response.take(message)
            if message["type"] == "http.response.start" and not response.is_refusal:
                # The digest covers the whole body, even if the route needed only its beginning.
                await body.read_to_the_end()
            await send(message)

        stored = False
        renewing = asyncio.create_task(Loop("idempotency key", partial(self._renew_later, owner, key)).run())
        used: Sequence[tuple[UUID, Permission]] = ()
        try:
            with access.noting_used() as used:
                await self._app(scope, body.receive, forward)
            # A refusal before the end of the body did nothing, so the request may be repeated.
            stored = response.is_storable and (body.ended or not response.is_refusal)
        finally:
            renewing.cancel()
            if stored:
                rights = [[str(place), permission] for place, permission in dict.fromkeys(used)]
                values = (owner, key, body.digest(), rights, response.status, response.headers)
                kept = bytes(response.body)
                if self._sealer is None:
                    await self._settle(KEEP, *values, kept)
                else:
                    sealed = self._sealer.sealed(owner, key, kept)
                    await self._settle(KEEP_SEALED, *values, kept, sealed, ids_in(kept))
            else:
                await self._settle(FORGET, owner, key)

    async def _settle(self, statement: str, *values: Any) -> None:
        """Record how the request ended. The client has its response by now, so this waits for a database that
        is down, until the claim counts as abandoned."""
        give_up_at = time.monotonic() + ABANDONED_AFTER.total_seconds()
        while True:
            try:
                async with self._database.transaction(access.Scope()) as connection:
                    await connection.execute(statement, *values)
                return
            except TRANSIENT_DATABASE_ERRORS as error:
                logger.warning("idempotency key not settled", error=str(error))
                if time.monotonic() > give_up_at:
                    return
            await asyncio.sleep(SETTLE_RETRY_SECONDS)

    async def _renew_later(self, owner: UUID, key: str) -> None:
        """Renew the claim for as long as the request runs: a large upload takes its time."""
        await asyncio.sleep(ABANDONED_AFTER.total_seconds() / 4)
        async with self._database.transaction(access.Scope()) as connection:
            await connection.execute(RENEW, owner, key)

    async def _claim(self, owner: UUID, key: str, fingerprint: str) -> Any | None:
        """None if the key is now claimed; else the row of the request that has it."""
        async with self._database.transaction(access.Scope()) as connection:
            await connection.execute(FORGET_OLD, owner, KEPT_FOR)
            while True:
                if await connection.fetchval(CLAIM, owner, key, fingerprint, ABANDONED_AFTER):
                    return None
                # The row may be deleted between the two statements; then the key is free again.
                if known := await connection.fetchrow(LOOK_UP, owner, key):
                    return known

    def _stored_response(self, owner: UUID, key: str, known: Any) -> Response:
        body = known["body"]
        if self._sealer is not None and known["sealed_body"] is not None:
            body = self._sealer.opened(owner, key, known["sealed_body"])
        response = Response(body, known["status"])
        response.raw_headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in known["headers"]]
        response.headers["Idempotency-Replayed"] = "true"
        return response


def _owner(identity: Identity) -> UUID:
    """Who owns the key. API keys of one user may act in different organizations, so each owns its keys."""
    return identity.api_key_id or identity.user_id
