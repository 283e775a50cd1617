"""Sessions: families of refresh tokens."""

from collections.abc import Collection
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from services.auth.sessions.domain import LOST_RESPONSE_GRACE, RefreshToken
from services.auth.sessions.methods import Method
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(RefreshToken))


class SessionRepository(Protocol):
    """A session is a family of tokens, of which the latest is valid."""

    async def add(self, token: RefreshToken) -> None: ...

    async def find(self, token_hash: str) -> RefreshToken | None: ...

    async def rotate(self, family_id: UUID, now: datetime, sealed_successor: bytes | None) -> None:
        """Mark the valid token of the family as used; forget successors that may no longer be repeated."""
        ...

    async def revoke(self, family_id: UUID, now: datetime) -> None: ...

    async def revoke_all(self, user_id: UUID, now: datetime, *, kept: UUID | None) -> Collection[UUID]:
        """Return the sessions that this ends."""
        ...

    async def strengthen(self, family_id: UUID, method: Method) -> None:
        """Note that the user of the session has used another method."""
        ...

    async def live(self, user_id: UUID, now: datetime, page: PageRequest) -> Slice[RefreshToken]:
        """The valid tokens, one per session."""
        ...

    async def live_one(self, user_id: UUID, session_id: UUID, now: datetime) -> RefreshToken | None:
        """The valid token of the user's session; None if it has ended."""
        ...

    async def delete_expired(self, before: datetime) -> None: ...


class PostgresSessionRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, token: RefreshToken) -> None:
        await self._queries.insert_refresh_token(
            self._connection, **asdict(token) | {"methods": [str(method) for method in token.methods]}
        )

    async def find(self, token_hash: str) -> RefreshToken | None:
        row = await self._queries.get_refresh_token(self._connection, token_hash=token_hash)
        return None if row is None else _token(row)

    async def rotate(self, family_id: UUID, now: datetime, sealed_successor: bytes | None) -> None:
        await self._queries.rotate_family(
            self._connection,
            family_id=family_id,
            now=now,
            sealed_successor=sealed_successor,
            repeatable_since=now - LOST_RESPONSE_GRACE,
        )

    async def revoke(self, family_id: UUID, now: datetime) -> None:
        await self._queries.revoke_family(self._connection, family_id=family_id, now=now)

    async def revoke_all(self, user_id: UUID, now: datetime, *, kept: UUID | None) -> Collection[UUID]:
        rows = self._queries.revoke_user_tokens(self._connection, user_id=user_id, now=now, kept=kept)
        return {row["family_id"] async for row in rows}

    async def strengthen(self, family_id: UUID, method: Method) -> None:
        await self._queries.strengthen_family(self._connection, family_id=family_id, method=method.value)

    async def live(self, user_id: UUID, now: datetime, page: PageRequest) -> Slice[RefreshToken]:
        rows = self._queries.list_sessions(
            self._connection,
            user_id=user_id,
            now=now,
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        tokens = [_token(row) async for row in rows]
        return Slice.cut(tokens, page.limit, lambda token: Cursor(token.signed_in_at, token.family_id))

    async def live_one(self, user_id: UUID, session_id: UUID, now: datetime) -> RefreshToken | None:
        row = await self._queries.get_session(
            self._connection, user_id=user_id, family_id=session_id, now=now
        )
        return None if row is None else _token(row)

    async def delete_expired(self, before: datetime) -> None:
        await self._queries.delete_expired_tokens(self._connection, before=before)


def _token(row: asyncpg.Record) -> RefreshToken:
    values = {name: row[name] for name in COLUMNS}
    return RefreshToken(**values | {"methods": tuple(Method(name) for name in row["methods"])})
