"""`Idempotency-Key`: a write sent twice is done once, and answered twice with the same answer.

The key is noted before the request runs and the answer after it. A request whose process died in between
may be tried again under its key once it has been silent for a while.
"""

import asyncio
import hashlib
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared import access
from shared.errors import Unauthenticated, Unavailable
from shared.http.caller import Guard
from shared.http.problems import render
from shared.postgres.connection import TRANSIENT_DATABASE_ERRORS, Database
from shared.tokens import Identity

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
WRITES = frozenset({"POST", "PATCH", "PUT", "DELETE"})
# Larger answers are not kept; no write of this API gives one.
LARGEST_KEPT_ANSWER_BYTES = 1024 * 1024
ABANDONED_AFTER = timedelta(minutes=2)
KEPT_FOR = timedelta(hours=24)

logger = structlog.get_logger(__name__)

FORGET_OLD = (
    "DELETE FROM idempotency_keys WHERE user_id = $1 AND created_at < clock_timestamp() - $2::interval"
)
CLAIM = """
INSERT INTO idempotency_keys AS k (user_id, key, fingerprint) VALUES ($1, $2, $3)
ON CONFLICT (user_id, key) DO UPDATE SET created_at = clock_timestamp()
WHERE k.status IS NULL AND k.created_at < clock_timestamp() - $4::interval
RETURNING true
"""
LOOK_UP = "SELECT fingerprint, status, headers, body FROM idempotency_keys WHERE user_id = $1 AND key = $2"
RENEW = "UPDATE idempotency_keys SET created_at = clock_timestamp() WHERE user_id = $1 AND key = $2"
KEEP = "UPDATE idempotency_keys SET status = $3, headers = $4, body = $5 WHERE user_id = $1 AND key = $2"
FORGET = "DELETE FROM idempotency_keys WHERE user_id = $1 AND key = $2"


@dataclass
class _Answer:
    """The answer as it passes by."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)

    def take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [(n.decode("latin-1"), v.decode("latin-1")) for n, v in message["headers"]]
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


class Idempotency:
    """ASGI middleware; keys belong to the user who sent them.

    Requests under the paths in `never_kept` pass as if they had no key: what they hold must not be stored.
    """

    def __init__(
        self, app: ASGIApp, database: Database, guard: Guard, never_kept: tuple[str, ...] = ()
    ) -> None:
        self._app = app
        self._database = database
        self._guard = guard
        self._never_kept = never_kept

    @classmethod
    def middleware(cls, database: Database, guard: Guard, *, never_kept: tuple[str, ...] = ()) -> Middleware:
        return Middleware(cls, database=database, guard=guard, never_kept=never_kept)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = Headers(scope=scope) if scope["type"] == "http" else Headers()
        key = headers.get(HEADER)
        if key is None or scope["method"] not in WRITES or scope["path"].startswith(self._never_kept):
            return await self._app(scope, receive, send)
        request = Request(scope)
        if not 0 < len(key) <= LONGEST_KEY:
            detail = f"{HEADER} must have 1 to {LONGEST_KEY} characters."
            return await render(request, 400, "Bad request", detail, code="bad-request")(scope, receive, send)
        try:
            identity = await self._guard.identify(headers.get("Authorization"))
        except (Unauthenticated, Unavailable):
            # The route itself says what is wrong.
            return await self._app(scope, receive, send)
        fingerprint, receive = await self._fingerprint(scope, headers, receive)
        known = await self._claim(_owner(identity), key, fingerprint)
        if known is not None:
            return await self._known(request, known, fingerprint)(scope, receive, send)
        await self._run(_owner(identity), key, scope, receive, send)

    async def _run(self, owner: UUID, key: str, scope: Scope, receive: Receive, send: Send) -> None:
        answer = _Answer()

        async def passing(message: Message) -> None:
            answer.take(message)
            await send(message)

        done = False
        renewing = asyncio.create_task(self._renew(owner, key))
        try:
            await self._app(scope, receive, passing)
            done = 0 < answer.status < 500 and len(answer.body) <= LARGEST_KEPT_ANSWER_BYTES
        finally:
            renewing.cancel()
            async with self._database.transaction(access.Scope()) as connection:
                if done:
                    kept = [pair for pair in answer.headers if pair[0] != "date"]
                    await connection.execute(KEEP, owner, key, answer.status, kept, bytes(answer.body))
                else:
                    await connection.execute(FORGET, owner, key)

    async def _renew(self, owner: UUID, key: str) -> None:
        """Hold the claim for as long as the request runs: a large upload takes its time."""
        while True:
            await asyncio.sleep(ABANDONED_AFTER.total_seconds() / 4)
            try:
                async with self._database.transaction(access.Scope()) as connection:
                    await connection.execute(RENEW, owner, key)
            except TRANSIENT_DATABASE_ERRORS as error:
                logger.warning("idempotency key not renewed", error=str(error))

    async def _claim(self, owner: UUID, key: str, fingerprint: str) -> Any | None:
        async with self._database.transaction(access.Scope()) as connection:
            await connection.execute(FORGET_OLD, owner, KEPT_FOR)
            if await connection.fetchval(CLAIM, owner, key, fingerprint, ABANDONED_AFTER):
                return None
            return await connection.fetchrow(LOOK_UP, owner, key)

    @staticmethod
    def _known(request: Request, known: Any, fingerprint: str) -> Response:
        if known["fingerprint"] != fingerprint:
            detail = f"This {HEADER} was used for another request. Use a new key for a new request."
            return render(request, 422, "Invalid payload", detail, code="idempotency-key-reused")
        if known["status"] is None:
            detail = "The first request with this key is still being worked on. Ask again shortly."
            return render(request, 409, "Conflict", detail, code="in-progress", headers={"Retry-After": "2"})
        response = Response(known["body"], known["status"])
        response.raw_headers = [(n.encode("latin-1"), v.encode("latin-1")) for n, v in known["headers"]]
        response.headers["Idempotency-Replayed"] = "true"
        return response

    @staticmethod
    async def _fingerprint(scope: Scope, headers: Headers, receive: Receive) -> tuple[str, Receive]:
        """Hash what makes the request this one. Only JSON bodies are read: uploads stream past."""
        parts = [scope["method"], scope["path"], scope["query_string"].decode("latin-1")]
        digest = hashlib.sha256("\n".join([*parts, headers.get("X-Organization-Id", "")]).encode())
        if not headers.get("Content-Type", "").startswith("application/json"):
            digest.update(headers.get("Content-Length", "").encode())
            return digest.hexdigest(), receive
        messages: list[MutableMapping[str, Any]] = []
        while not messages or messages[-1].get("more_body"):
            messages.append(await receive())
            digest.update(messages[-1].get("body", b""))

        async def replay() -> MutableMapping[str, Any]:
            return messages.pop(0) if messages else await receive()

        return digest.hexdigest(), replay


def _owner(identity: Identity) -> UUID:
    """Whose the key is. API keys of one user may act in different organizations, so each has its own."""
    return identity.api_key_id or identity.user_id
