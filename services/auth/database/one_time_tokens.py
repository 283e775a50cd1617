"""One-time tokens by their hashes."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.auth.one_time_tokens.domain import OneTimeToken, Purpose
from shared.postgres.connection import Connection


class OneTimeTokenRepository(Protocol):
    async def add(self, token: OneTimeToken) -> None: ...

    async def redeem(self, token_hash: str, purpose: Purpose, now: datetime) -> UUID | None:
        """Use the token and return its user; None if it is not valid for this purpose."""
        ...

    async def revoke(self, user_id: UUID, purpose: Purpose) -> None:
        """Revoke all tokens of the user for this purpose."""
        ...

    async def count_since(self, user_id: UUID, purpose: Purpose, since: datetime) -> int: ...

    async def delete_expired(self, before: datetime) -> None: ...


class PostgresOneTimeTokenRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, token: OneTimeToken) -> None:
        await self._queries.insert_one_time_token(
            self._connection, **asdict(token) | {"purpose": token.purpose.value}
        )

    async def redeem(self, token_hash: str, purpose: Purpose, now: datetime) -> UUID | None:
        row = await self._queries.redeem_one_time_token(
            self._connection, token_hash=token_hash, purpose=purpose.value, now=now
        )
        return None if row is None else row["user_id"]

    async def revoke(self, user_id: UUID, purpose: Purpose) -> None:
        await self._queries.revoke_one_time_tokens(self._connection, user_id=user_id, purpose=purpose.value)

    async def count_since(self, user_id: UUID, purpose: Purpose, since: datetime) -> int:
        count: int = await self._queries.count_one_time_tokens(
            self._connection, user_id=user_id, purpose=purpose.value, since=since
        )
        return count

    async def delete_expired(self, before: datetime) -> None:
        await self._queries.delete_expired_one_time_tokens(self._connection, before=before)
