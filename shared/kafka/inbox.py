"""The inbox: deduplicates redelivered events."""

from typing import Protocol
from uuid import UUID

from shared.postgres.connection import Connection


class Inbox(Protocol):
    async def accept(self, event_id: UUID) -> bool:
        """Mark the event as handled in the current transaction; False if it already was."""
        ...


class PostgresInbox:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def accept(self, event_id: UUID) -> bool:
        return (
            await self._connection.fetchval(
                "INSERT INTO inbox (event_id) VALUES ($1) ON CONFLICT DO NOTHING RETURNING true", event_id
            )
            is True
        )
