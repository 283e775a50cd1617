"""Password reset requests that wait to be answered."""

from typing import Any, Protocol
from uuid import UUID

from services.auth.recovery.domain import ResetRequest
from services.auth.sessions.domain import Client
from shared.postgres.connection import Connection


class ResetRequestRepository(Protocol):
    async def add(self, request: ResetRequest) -> None: ...

    async def take(self, request_id: UUID) -> ResetRequest | None:
        """Delete and return the request."""
        ...


class PostgresResetRequestRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, request: ResetRequest) -> None:
        await self._queries.insert_reset_request(
            self._connection,
            id=request.id,
            email=request.email,
            ip_address=request.client.address,
            user_agent=request.client.agent,
            requested_at=request.requested_at,
        )

    async def take(self, request_id: UUID) -> ResetRequest | None:
        row = await self._queries.take_reset_request(self._connection, id=request_id)
        if row is None:
            return None
        client = Client(row["ip_address"], row["user_agent"])
        return ResetRequest(row["id"], row["email"], client, row["requested_at"])
