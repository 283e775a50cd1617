"""The outbox: an event is a row, written in the transaction of the change that it announces."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from opentelemetry.propagate import inject

from shared.clock import Clock, IdGenerator
from shared.events.base import Event, P, Topic
from shared.events.codec import encode
from shared.postgres.connection import Connection

INSERT = """
INSERT INTO outbox (id, topic, key, value, headers, keep_latest, transient)
VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


class Outbox(Protocol):
    async def add(
        self, topic: Topic[P], key: str | UUID, payload: P, *, organization_id: UUID | None
    ) -> Event[P]:
        """Publish `payload` if, and only if, the surrounding transaction commits."""
        ...

    async def add_all(
        self, topic: Topic[P], payloads: Sequence[tuple[str | UUID, P]], *, organization_id: UUID | None
    ) -> Sequence[Event[P]]:
        """Like `add`, for many payloads with their keys, in one round trip to the database."""
        ...


class PostgresOutbox:
    def __init__(self, connection: Connection, clock: Clock, new_id: IdGenerator) -> None:
        self._connection = connection
        self._clock = clock
        self._new_id = new_id

    async def add(
        self, topic: Topic[P], key: str | UUID, payload: P, *, organization_id: UUID | None
    ) -> Event[P]:
        [event] = await self.add_all(topic, [(key, payload)], organization_id=organization_id)
        return event

    async def add_all(
        self, topic: Topic[P], payloads: Sequence[tuple[str | UUID, P]], *, organization_id: UUID | None
    ) -> Sequence[Event[P]]:
        now = self._clock.now()
        trace: dict[str, str] = {}
        inject(trace)
        events = [
            Event(self._new_id(), topic, str(key), organization_id, now, payload) for key, payload in payloads
        ]
        rows = []
        for event in events:
            value, headers = encode(event)
            text = {name: content.decode("latin-1") for name, content in headers.items()} | trace
            rows.append((event.id, topic.name, event.key, value, text, topic.compacted, topic.transient))
        await self._connection.executemany(INSERT, rows)
        return events


async def write_record(
    connection: Connection,
    record_id: UUID,
    topic: str,
    key: str | None,
    value: bytes | None,
    headers: dict[str, Any],
) -> None:
    """Write a record that is not an event, such as a dead letter. Latin-1 preserves every header byte."""
    await connection.execute(INSERT, record_id, topic, key, value, headers, False, False)
