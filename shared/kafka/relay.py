"""The relay: publishes the outbox of a service in order, and marks published events.

One relay per service is the leader: the one whose database session holds the service's advisory lock. The
others stand by. The leader marks events in that same session, so whoever takes over the lock knows that no
other relay is still marking. A relay that is killed between publishing and marking publishes again, and the
inboxes of the consumers drop the duplicates.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import MessageSizeTooLargeError
from aiokafka.structs import RecordMetadata
from opentelemetry import metrics

from shared.events.registry import BY_NAME
from shared.events.signatures import SIGNATURE_HEADER, EventSigner
from shared.jobs.loop import Loop
from shared.kafka.connection import KafkaConnection
from shared.kafka.copies import Copy, FeedCopies, Headers
from shared.kafka.feeds import FeedTopics
from shared.kafka.leadership import relay_lock
from shared.postgres.connection import Connection, Database

BATCH = 500
# Notifications wake the relay immediately. Polling covers notifications lost with a connection.
POLL_SECONDS = 1.0

SELECT_WAITING = """
SELECT seq, topic, key, value, headers FROM outbox
WHERE published_at IS NULL AND refused IS NULL ORDER BY seq LIMIT $1
"""
MARK_PUBLISHED = "UPDATE outbox SET published_at = clock_timestamp() WHERE seq = ANY ($1::bigint[])"
MARK_REFUSED = "UPDATE outbox SET refused = $2 WHERE seq = $1"
OLDEST_WAITING = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(created_at)), 0)::float8, count(*) FROM outbox
WHERE published_at IS NULL AND refused IS NULL
"""

logger = structlog.get_logger(__name__)


class Relay:
    """Publishes while its loop runs. `service` is the name of the schema.

    It signs what only the owner of a topic may publish. Events are signed here rather than in the outbox, so
    that what is published again is signed with the present key.
    """

    def __init__(
        self, database: Database, kafka: KafkaConnection, signer: EventSigner, *, service: str
    ) -> None:
        self._database = database
        self._kafka = kafka
        self._signer = signer
        self._feeds = FeedTopics(enabled=kafka.settings.kafka_has_logins)
        self._service = service
        self.loop = Loop(f"{service} relay", self._lead)
        self._wake = asyncio.Event()
        meter = metrics.get_meter("dinsight.relay")
        self._age = meter.create_gauge(
            "dinsight_outbox_age", "s", "Age of the oldest event not yet published"
        )
        self._waiting = meter.create_gauge("dinsight_outbox_waiting", "1", "Events not yet published")
        self._published = meter.create_counter("dinsight_outbox_published", "1", "Events published")

    async def _lead(self) -> None:
        connection = await self._database.connect()
        try:
            # Stand by while another session holds the lock.
            while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", relay_lock(self._service)):
                self.loop.succeeded()
                await asyncio.sleep(POLL_SECONDS)
            await connection.add_listener(f"{self._service}_outbox", lambda *_: self._wake.set())
            producer = self._kafka.producer()
            try:
                await producer.start()
                async with FeedCopies(self._kafka.producer(), service=self._service) as copies:
                    await self._relay(connection, producer, copies)
            finally:
                await producer.stop()
        finally:
            await connection.close()

    async def _relay(self, connection: Connection, producer: AIOKafkaProducer, copies: FeedCopies) -> None:
        while True:
            self._wake.clear()
            while rows := await connection.fetch(SELECT_WAITING, BATCH):
                await self._feeds.look(producer, asyncio.get_running_loop().time())
                await self._publish(connection, producer, copies, rows)
            await self._measure(connection)
            self.loop.succeeded()
            try:
                await asyncio.wait_for(self._wake.wait(), POLL_SECONDS)
            except TimeoutError:
                continue

    async def _publish(
        self,
        connection: Connection,
        producer: AIOKafkaProducer,
        copies: FeedCopies,
        rows: Sequence[asyncpg.Record],
    ) -> None:
        """Publish the rows, then their copies for feeds, and mark them. Raises what the broker says."""
        sent: list[tuple[int, Copy | None, asyncio.Future[RecordMetadata]]] = []
        for row in rows:
            key = None if row["key"] is None else row["key"].encode()
            headers = [(name, text.encode("latin-1")) for name, text in row["headers"].items()]
            headers = self._signed(row["topic"], key, row["value"], headers)
            try:
                future = await producer.send(row["topic"], row["value"], key=key, headers=headers)
            except MessageSizeTooLargeError as error:
                # It would block all later events forever: mark it as refused, where an operator finds it.
                logger.error(
                    "event refused by the broker", topic=row["topic"], seq=row["seq"], error=str(error)
                )
                await connection.execute(MARK_REFUSED, row["seq"], str(error))
                continue
            feed = self._feeds.copy_of(row["topic"], headers)
            sent.append((row["seq"], Copy(feed, key, row["value"], headers) if feed else None, future))
        outcomes = await asyncio.gather(*(future for *_, future in sent), return_exceptions=True)
        errors = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
        published = [
            (seq, copy)
            for (seq, copy, _), outcome in zip(sent, outcomes, strict=True)
            if not isinstance(outcome, BaseException)
        ]
        await copies.send([copy for _, copy in published if copy is not None])
        await connection.execute(MARK_PUBLISHED, [seq for seq, _ in published])
        self._published.add(len(published), {"service": self._service})
        if errors:
            raise errors[0]

    def _signed(self, topic: str, key: bytes | None, value: bytes | None, headers: Headers) -> Headers:
        """Add the service's signature where the topic has owners. A replayed record keeps its own."""
        event_topic = BY_NAME.get(topic)
        if event_topic is None or event_topic.signed_by is None or SIGNATURE_HEADER in dict(headers):
            return headers
        return [*headers, (SIGNATURE_HEADER, self._signer.sign(topic, key, value, headers))]

    async def _measure(self, connection: Connection) -> None:
        age, waiting = await connection.fetchrow(OLDEST_WAITING) or (0.0, 0)
        labels: dict[str, Any] = {"service": self._service}
        self._age.set(age, labels)
        self._waiting.set(waiting, labels)
