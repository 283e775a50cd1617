"""Messages to be sent. Each has a job in the queue, which decides when and by which worker."""

from dataclasses import asdict, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.auth.mail.domain import MailStatus, StoredMessage
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(StoredMessage))


class MailRepository(Protocol):
    async def add(self, message: StoredMessage) -> None: ...

    async def waiting(self, message_id: UUID) -> StoredMessage | None:
        """The message, unless it was sent or given up."""
        ...

    async def failed(self, message_id: UUID, error: str) -> None:
        """Note why the last attempt failed; another one follows."""
        ...

    async def finish(self, message_id: UUID, status: MailStatus, error: str | None, now: datetime) -> None:
        """Note how the message ended, and delete its content."""
        ...

    async def delete_finished(self, before: datetime) -> None: ...


class PostgresMailRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, message: StoredMessage) -> None:
        await self._queries.insert_message(self._connection, **asdict(message))

    async def waiting(self, message_id: UUID) -> StoredMessage | None:
        row = await self._queries.get_waiting_message(self._connection, id=message_id)
        return None if row is None else StoredMessage(**{name: row[name] for name in COLUMNS})

    async def failed(self, message_id: UUID, error: str) -> None:
        await self._queries.note_message_failure(self._connection, id=message_id, error=error)

    async def finish(self, message_id: UUID, status: MailStatus, error: str | None, now: datetime) -> None:
        await self._queries.finish_message(
            self._connection, id=message_id, status=status.value, error=error, now=now
        )

    async def delete_finished(self, before: datetime) -> None:
        await self._queries.delete_finished_messages(self._connection, before=before)
