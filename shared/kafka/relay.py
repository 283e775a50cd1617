"""The relay: publishes a service's outbox in order, whatever dies meanwhile.

One relay per service is at work (an advisory lock decides which); the others stand by. It publishes, then
marks. Killed in between it publishes again, and the consumers' inboxes drop the second copy.
"""

import asyncio
import time
import zlib
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata, TopicPartition
from opentelemetry import metrics

from shared.jobs.loop import Loop
from shared.kafka.connection import KafkaConnection
from shared.postgres.connection import Connection, Database

BATCH = 500
# A notification wakes the relay at once; the poll is for notifications lost with a connection.
POLL_SECONDS = 1.0
PRUNE_SECONDS = 600.0

SELECT_WAITING = """
SELECT seq, topic, key, value, headers, transient, created_at FROM outbox
WHERE published_at IS NULL AND refused IS NULL ORDER BY seq LIMIT $1
"""
MARK_PUBLISHED = """
UPDATE outbox AS o SET published_at = clock_timestamp(), partition = p.partition, position = p.position
FROM unnest($1::bigint[], $2::integer[], $3::bigint[]) AS p(seq, partition, position) WHERE o.seq = p.seq
"""
MARK_REFUSED = "UPDATE outbox SET refused = $2 WHERE seq = $1"
LAST_POSITIONS = """
SELECT topic, partition, max(position) AS position FROM outbox
WHERE published_at IS NOT NULL GROUP BY topic, partition
"""
PUBLISH_AGAIN = """
UPDATE outbox SET published_at = NULL, partition = NULL, position = NULL
WHERE published_at IS NOT NULL AND NOT transient
"""
PRUNE_OUTBOX = """
DELETE FROM outbox AS o WHERE published_at < clock_timestamp() - $1::interval AND (
    NOT keep_latest
    OR EXISTS (SELECT FROM outbox n WHERE n.topic = o.topic AND n.key = o.key AND n.seq > o.seq)
)
"""
PRUNE_INBOX = "DELETE FROM inbox WHERE received_at < clock_timestamp() - $1::interval"
OLDEST_WAITING = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8, count(*) FROM outbox
WHERE published_at IS NULL AND refused IS NULL
"""

logger = structlog.get_logger(__name__)


class BrokerForgot(Exception):
    """The broker holds less than was published to it: it lost its memory, or the topic was made anew."""


class Relay:
    """Publishes for as long as its loop runs. `service` names the schema."""

    def __init__(
        self,
        database: Database,
        kafka: KafkaConnection,
        *,
        service: str,
        outbox_retention: timedelta,
        inbox_retention: timedelta,
    ) -> None:
        self._database = database
        self._kafka = kafka
        self._service = service
        self._outbox_retention = outbox_retention
        self._inbox_retention = inbox_retention
        self.loop = Loop(f"{service} relay", self._lead)
        self._wake = asyncio.Event()
        self._positions: dict[TopicPartition, int] = {}
        self._pruned_at = 0.0
        meter = metrics.get_meter("dinsight.relay")
        self._age = meter.create_gauge(
            "dinsight_outbox_age", "s", "Age of the oldest event not yet published"
        )
        self._waiting = meter.create_gauge("dinsight_outbox_waiting", "1", "Events not yet published")
        self._published = meter.create_counter("dinsight_outbox_published", "1", "Events published")

    async def _lead(self) -> None:
        connection = await self._database.connect()
        try:
            lock = zlib.crc32(f"dinsight relay {self._service}".encode())
            # Standing by: the lock is another process' until that one ends.
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", lock):
                self.loop.succeeded()
                await asyncio.sleep(POLL_SECONDS)
            await connection.add_listener(f"{self._service}_outbox", lambda *_: self._wake.set())
            producer = self._kafka.producer()
            try:
                await producer.start()
                await self._check_memory(connection)
                await self._relay(connection, producer)
            finally:
                await producer.stop()
        finally:
            await connection.close()

    async def _relay(self, connection: Connection, producer: AIOKafkaProducer) -> None:
        while True:
            self._wake.clear()
            while rows := await connection.fetch(SELECT_WAITING, BATCH):
                await self._publish(connection, producer, rows)
            await self._measure(connection)
            self.loop.succeeded()
            if time.monotonic() - self._pruned_at > PRUNE_SECONDS:
                await connection.execute(PRUNE_OUTBOX, self._outbox_retention)
                await connection.execute(PRUNE_INBOX, self._inbox_retention)
                self._pruned_at = time.monotonic()
            try:
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            except TimeoutError:
                continue

    async def _publish(
        self, connection: Connection, producer: AIOKafkaProducer, rows: Sequence[asyncpg.Record]
    ) -> None:
        sent: list[tuple[int, asyncio.Future[RecordMetadata]]] = []
        for row in rows:
            try:
                future = await producer.send(
                    row["topic"],
                    row["value"],
                    key=None if row["key"] is None else row["key"].encode(),
                    headers=[(name, text.encode("latin-1")) for name, text in row["headers"].items()],
                )
            except MessageSizeTooLargeError as error:
                # It would stall everything behind it, for ever: set it aside where a person finds it.
                logger.error(
                    "event refused by the broker", topic=row["topic"], seq=row["seq"], error=str(error)
                )
                await connection.execute(MARK_REFUSED, row["seq"], str(error))
                continue
            sent.append((row["seq"], future))
        outcomes = await asyncio.gather(*(future for _, future in sent), return_exceptions=True)
        faults = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        done = [
            (seq, outcome)
            for (seq, _), outcome in zip(sent, outcomes, strict=True)
            if not isinstance(outcome, BaseException)
        ]
        lowest: dict[TopicPartition, int] = {}
        highest: dict[TopicPartition, int] = {}
        for _, outcome in done:
            place = TopicPartition(outcome.topic, outcome.partition)
            lowest[place] = min(outcome.offset, lowest.get(place, outcome.offset))
            highest[place] = max(outcome.offset, highest.get(place, outcome.offset))
        published = [
            (seq, outcome.partition, lowest[TopicPartition(outcome.topic, outcome.partition)])
            for seq, outcome in done
        ]
        forgot = [place.topic for place, offset in lowest.items() if offset <= self._positions.get(place, -1)]
        self._positions |= highest
        await connection.execute(
            MARK_PUBLISHED, *([list(column) for column in zip(*published, strict=True)] or [[], [], []])
        )
        self._published.add(len(published), {"service": self._service})
        if forgot:
            await connection.execute(PUBLISH_AGAIN)
            raise BrokerForgot(forgot[0])
        if faults:
            raise faults[0]

    async def _check_memory(self, connection: Connection) -> None:
        """Compare the broker's ends with the positions noted when publishing.

        The position of a record is the lowest offset of its round of publishing, not its own: the local
        broker gives as the end of a partition the first offset of its last batch, plus one.
        """
        known = {
            TopicPartition(row["topic"], row["partition"]): row["position"]
            for row in await connection.fetch(LAST_POSITIONS)
        }
        ends = await self._kafka.end_offsets(known)
        forgot = sorted({place.topic for place, position in known.items() if ends.get(place, 0) <= position})
        if forgot:
            logger.warning("broker lost its memory, publishing again", topics=forgot)
            await connection.execute(PUBLISH_AGAIN)
            known = {}
        self._positions = known

    async def _measure(self, connection: Connection) -> None:
        age, waiting = await connection.fetchrow(OLDEST_WAITING) or (0.0, 0)
        labels: dict[str, Any] = {"service": self._service}
        self._age.set(age, labels)
        self._waiting.set(waiting, labels)
