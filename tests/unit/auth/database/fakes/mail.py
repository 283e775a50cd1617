"""Mail in memory."""

from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from services.auth.mail.domain import MailStatus, StoredMessage


@dataclass
class Row:
    message: StoredMessage
    sealed: str | None
    status: MailStatus = MailStatus.WAITING
    error: str | None = None
    finished_at: datetime | None = None


@dataclass
class FakeMail:
    rows: dict[UUID, Row] = field(default_factory=dict)

    async def add(self, message: StoredMessage) -> None:
        self.rows[message.id] = Row(message, message.sealed)

    async def waiting(self, message_id: UUID) -> StoredMessage | None:
        row = self.rows.get(message_id)
        return row.message if row and row.status is MailStatus.WAITING else None

    async def failed(self, message_id: UUID, error: str) -> None:
        self.rows[message_id].error = error

    async def finish(self, message_id: UUID, status: MailStatus, error: str | None, now: datetime) -> None:
        row = self.rows[message_id]
        row.status, row.sealed, row.error, row.finished_at = status, None, error, now

    async def delete_finished(self, before: datetime) -> None:
        self.rows = {
            id_: row for id_, row in self.rows.items() if row.finished_at is None or row.finished_at >= before
        }
