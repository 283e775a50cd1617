"""The inbox: twice delivered is once done."""

from typing import Protocol
from uuid import UUID

from shared.postgres.connection import Connection


class Inbox(Protocol):
    async def accept(self, event_id: UUID) -> bool:
        """Note the event in the running transaction; False when its effect was already made."""
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
