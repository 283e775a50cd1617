"""Requests for a new password that wait for their answer."""

from collections.abc import Sequence
from typing import Any, Protocol

from services.auth.recovery.domain import ResetRequest
from services.auth.sign_in.domain import Client
from shared.postgres.connection import Connection


class ResetRequestRepository(Protocol):
    async def add(self, request: ResetRequest) -> None: ...

    async def take(self, wanted: int) -> Sequence[ResetRequest]:
        """The oldest requests, gone when the transaction ends; others take others meanwhile."""
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

    async def take(self, wanted: int) -> Sequence[ResetRequest]:
        rows = self._queries.take_reset_requests(self._connection, wanted=wanted)
        return [
            ResetRequest(
                row["id"], row["email"], Client(row["ip_address"], row["user_agent"]), row["requested_at"]
            )
            async for row in rows
        ]
