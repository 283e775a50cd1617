"""Single sign-on: flows in progress, and accounts linked to identities at the provider."""

from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.auth.oidc.domain import IdentityLink
from shared.postgres.connection import Connection


class OidcRepository(Protocol):
    async def begin(self, state_hash: str, secret_hash: str, expires_at: datetime) -> None: ...

    async def take(self, state_hash: str, secret_hash: str, now: datetime) -> bool:
        """Delete the flow of this state and browser; False if there is none, or it has expired."""
        ...

    async def delete_expired(self, now: datetime) -> None: ...

    async def user_of(self, issuer: str, subject: str) -> UUID | None: ...

    async def subject_of(self, issuer: str, user_id: UUID) -> str | None:
        """The subject at the provider that the account is linked to."""
        ...

    async def link(self, link: IdentityLink) -> None:
        """Store the link, unless the identity is already linked."""
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

    async def subject_of(self, issuer: str, user_id: UUID) -> str | None:
        found: str | None = await self._queries.get_linked_subject(
            self._connection, issuer=issuer, user_id=user_id
        )
        return found

    async def link(self, link: IdentityLink) -> None:
        await self._queries.insert_user_identity(self._connection, **asdict(link))
