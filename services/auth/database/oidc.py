"""Sign-ins through a provider: flows that have begun, and which account a person there has here."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.auth.oidc.domain import Link
from shared.postgres.connection import Connection


class OidcRepository(Protocol):
    async def begin(self, state_hash: str, secret_hash: str, expires_at: datetime) -> None: ...

    async def take(self, state_hash: str, secret_hash: str, now: datetime) -> bool:
        """Use up the flow of that state and browser; False when there is none, or none any more."""
        ...

    async def delete_expired(self, now: datetime) -> None: ...

    async def user_of(self, issuer: str, subject: str) -> UUID | None: ...

    async def link(self, link: Link) -> None:
        """Keep the link; one that is there stays."""
        ...


class PostgresOidcRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def begin(self, state_hash: str, secret_hash: str, expires_at: datetime) -> None:
        await self._queries.insert_oidc_flow(
            self._connection, state_hash=state_hash, secret_hash=secret_hash, expires_at=expires_at
        )

    async def take(self, state_hash: str, secret_hash: str, now: datetime) -> bool:
        row = await self._queries.take_oidc_flow(
            self._connection, state_hash=state_hash, secret_hash=secret_hash, now=now
        )
        return row is not None

    async def delete_expired(self, now: datetime) -> None:
        await self._queries.delete_expired_oidc_flows(self._connection, now=now)

    async def user_of(self, issuer: str, subject: str) -> UUID | None:
        found: UUID | None = await self._queries.get_linked_user(
            self._connection, issuer=issuer, subject=subject
        )
        return found

    async def link(self, link: Link) -> None:
        await self._queries.insert_user_identity(self._connection, **asdict(link))
