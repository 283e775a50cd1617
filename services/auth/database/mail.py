"""Letters that wait to be sent."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Protocol

import asyncpg

from services.auth.mail.domain import LetterStatus, QueuedLetter
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(QueuedLetter))


class MailRepository(Protocol):
    """Whoever holds a letter's lease may say what became of it; what others say is ignored."""

    async def add(self, letter: QueuedLetter) -> None: ...

    async def claim(self, wanted: int, now: datetime, until: datetime) -> Sequence[QueuedLetter]:
        """Take letters that are due; nobody else takes them before `until`."""
        ...

    async def finish(
        self, letter: QueuedLetter, status: LetterStatus, error: str | None, now: datetime
    ) -> bool:
        """Note the end of a letter and forget what it said; False when the lease is another's."""
        ...

    async def put_back(self, letter: QueuedLetter, error: str | None, due: datetime) -> bool:
        """Note a failed attempt; the next one is at `due`. False when the lease is another's."""
        ...

    async def forget_finished(self, before: datetime) -> None: ...


class PostgresMailRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, letter: QueuedLetter) -> None:
        await self._queries.insert_letter(
            self._connection,
            id=letter.id,
            kind=letter.kind,
            sealed=letter.sealed,
            expires_at=letter.expires_at,
            created_at=letter.created_at,
        )

    async def claim(self, wanted: int, now: datetime, until: datetime) -> Sequence[QueuedLetter]:
        rows = self._queries.claim_letters(self._connection, wanted=wanted, now=now, until=until)
        return [_letter(row) async for row in rows]

    async def finish(
        self, letter: QueuedLetter, status: LetterStatus, error: str | None, now: datetime
    ) -> bool:
        row = await self._queries.finish_letter(
            self._connection,
            id=letter.id,
            lease_id=letter.lease_id,
            status=status.value,
            error=error,
            now=now,
        )
        return row is not None

    async def put_back(self, letter: QueuedLetter, error: str | None, due: datetime) -> bool:
        row = await self._queries.put_letter_back(
            self._connection, id=letter.id, lease_id=letter.lease_id, error=error, due=due
        )
        return row is not None

    async def forget_finished(self, before: datetime) -> None:
        await self._queries.forget_finished_letters(self._connection, before=before)


def _letter(row: asyncpg.Record) -> QueuedLetter:
    return QueuedLetter(**{name: row[name] for name in COLUMNS})
