"""Consumes events: at least once, in order per key, and never blocked by a poison record.

Each record is decoded, and its handler runs in a transaction that also writes the event's id to the inbox.
Consecutive records of an organization share a transaction, which saves commits. If that transaction fails,
each record is handled alone: transient errors are retried until they pass, other errors a few times, and
then the record goes to `<topic>.dead-letter`.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, Generic, Protocol, TypeVar

import asyncpg
import structlog
from aiokafka import ConsumerRecord
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from aiokafka.structs import TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker, KafkaMessage
from opentelemetry import metrics, trace
from opentelemetry.propagate import extract

from shared.access import Scope
from shared.clock import IdGenerator
from shared.errors import Unavailable
from shared.events.base import Event, P, Topic
from shared.events.codec import UndecodableRecord, header_texts
from shared.jobs.loop import Loop
from shared.jobs.retry import RetryPolicy
from shared.kafka.connection import KafkaConnection
from shared.kafka.dead_letters import DeadLetters
from shared.kafka.inbox import Inbox
from shared.postgres.connection import TRANSIENT_DATABASE_ERRORS, Database

# The attempts at an event whose handler fails, before it is dead-lettered.
RETRY = RetryPolicy(4, first_delay=timedelta(seconds=0.4), max_delay=timedelta(seconds=15))
RECORDS_PER_POLL = 100
# The database or the broker is unavailable: the record is not at fault, so waiting is the only remedy.
TRANSIENT_ERRORS = (*TRANSIENT_DATABASE_ERRORS, KafkaError)
# The record violates a constraint of the database, so a retry cannot succeed.
PERMANENT_ERRORS = (asyncpg.IntegrityConstraintViolationError, asyncpg.DataError)

logger = structlog.get_logger(__name__)


class HandlerUnit(Protocol):
    """The unit of work that a handler gets. Its inbox belongs to the same transaction."""

    @property
    def inbox(self) -> Inbox: ...


U = TypeVar("U", bound=HandlerUnit)
UnitFactory = Callable[[Scope], AbstractAsyncContextManager[U]]


Record = ConsumerRecord[bytes, bytes]


@dataclass(frozen=True, slots=True)
class _Route(Generic[U]):
    topic: Topic[Any]
    handler: Callable[[Event[Any], U], Awaitable[None]]
    prepare: Callable[[Sequence[Event[Any]]], Awaitable[None]] | None
    repeatable: bool


@dataclass(frozen=True, slots=True)
class _Delivery(Generic[U]):
    """A record, its route, and its event. `reason` says why it could not be decoded."""

    record: Record
    route: _Route[U]
    event: Event[Any] | None
    reason: str = ""

    @property
    def neighbourhood(self) -> object:
        """Consecutive deliveries with the same value may share a transaction."""
        if self.event is None:
            return self.record
        return self.event.organization_id


class Consumer(Generic[U]):
    """A consumer group of a service, for all its topics."""

    def __init__(
        self,
        kafka: KafkaConnection,
        database: Database,
        units: UnitFactory[U],
        new_id: IdGenerator,
        *,
        group: str,
        retry: RetryPolicy = RETRY,
    ) -> None:
        self._kafka = kafka
        self._retry = retry
        self._units = units
        self._dead_letters = DeadLetters(database, new_id, group=group)
        self._group = group
        self._routes: dict[str, _Route[U]] = {}
        self._broker: KafkaBroker | None = None
        # What ends a session: nothing more is handled or committed in it, the loop reports the error, and
        # the next session starts from the committed offsets.
        self._error: Exception | None = None
        self._failed = asyncio.Event()
        self.loop = Loop(f"{group} consumer", self._consume_for_good)
        self._tracer = trace.get_tracer("dinsight.consumer")
        meter = metrics.get_meter("dinsight.consumer")
        self._lag = meter.create_gauge("dinsight_consumer_lag", "1", "Records not yet handled, per partition")
        self._handled = meter.create_counter("dinsight_consumer_records", "1", "Records by outcome")

    def on(
        self,
        topic: Topic[P],
        handler: Callable[[Event[P], U], Awaitable[None]],
        *,
        prepare: Callable[[Sequence[Event[P]]], Awaitable[None]] | None = None,
        repeatable: bool = False,
    ) -> None:
        """Run `handler` once per event, in the transaction that marks the event as handled.

        `prepare` runs before each transaction, with its events, and may run for an event several times. A
        `repeatable` handler recognizes by versions what it has handled, and may run again for an event. So a
        new group fills a replica's new columns from the beginning of the topic, whatever the inbox holds.
        """
        self._routes[topic.name] = _Route(topic, handler, prepare, repeatable)

    @property
    def topics(self) -> tuple[Topic[Any], ...]:
        return tuple(route.topic for route in self._routes.values())

    async def check(self) -> None:
        """Readiness check: raise Unavailable until the consumer has started."""
        if self._broker is None:
            raise Unavailable("the consumer has not started yet")

    async def _consume_for_good(self) -> None:
        self._error = None
        self._failed.clear()
        broker = self.broker()
        try:
            await broker.start()
            self._broker = broker
            self.loop.succeeded()
            await self._failed.wait()
            raise self._error or RuntimeError("the consumer failed")
        finally:
            self._broker = None
            await broker.stop()

    def broker(self) -> KafkaBroker:
        """A FastStream broker with this group's subscriber, not yet started."""
        settings = self._kafka.settings
        broker = self._kafka.broker()
        subscriber = broker.subscriber(
            *self._routes,
            group_id=self._group,
            batch=True,
            max_records=RECORDS_PER_POLL,
            batch_timeout_ms=settings.kafka_fetch_wait_ms,
            fetch_max_wait_ms=settings.kafka_fetch_wait_ms,
            session_timeout_ms=settings.kafka_session_timeout_ms,
            heartbeat_interval_ms=settings.kafka_heartbeat_ms,
            auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL,
            parser=_parse,
            decoder=_whole_message,
            no_reply=True,
        )
        subscriber(self._consume)
        return broker

    async def _consume(self, message: KafkaMessage) -> None:
        records: Sequence[Record] = message.raw_message  # type: ignore[assignment]  # of a batch: several
        if self._error is not None:
            return
        try:
            await self._handle(records)
        except Exception as error:  # FastStream would drop it, and the next commit pass these records
            self._error = error
            self._failed.set()
            return
        self._measure(message, records)
        try:
            await message.ack()
        except (CommitFailedError, IllegalStateError) as error:
            # The partition was assigned to another member; its inbox drops the events that are redelivered.
            logger.info("offsets not committed", group=self._group, error=str(error))

    async def _handle(self, records: Sequence[Record]) -> None:
        deliveries = [self._delivery(record) for record in records]
        for _, group in itertools.groupby(deliveries, key=lambda delivery: delivery.neighbourhood):
            neighbours = list(group)
            if len(neighbours) == 1 or not await self._together(neighbours):
                for delivery in neighbours:
                    await self._alone(delivery)

    def _measure(self, message: KafkaMessage, records: Sequence[Record]) -> None:
        for record in {(record.topic, record.partition): record for record in records}.values():
            end = self._highwater(message, record)
            if end is not None:
                place: dict[str, str | int] = {"topic": record.topic, "partition": record.partition}
                self._lag.set(max(0, end - record.offset - 1), {"group": self._group, **place})

    @staticmethod
    def _highwater(message: KafkaMessage, record: Record) -> int | None:
        highwater = getattr(message.consumer, "highwater", None)
        if highwater is None:
            return None
        try:
            end: int | None = highwater(TopicPartition(record.topic, record.partition))
        except IllegalStateError:
            return None
        return end

    def _delivery(self, record: Record) -> _Delivery[U]:
        route = self._routes[record.topic]
        try:
            event = self._kafka.event(route.topic, record)
        except UndecodableRecord as error:
            return _Delivery(record, route, None, str(error))
        return _Delivery(record, route, event)

    async def _together(self, deliveries: Sequence[_Delivery[U]]) -> bool:
        """Handle all in one transaction; False if it failed and was rolled back."""
        organization_id = deliveries[0].event.organization_id if deliveries[0].event else None
        try:
            await self._prepare(deliveries)
            async with self._units(Scope(organization_id=organization_id)) as unit:
                for delivery in deliveries:
                    with self._observed(delivery):
                        await self._effect(delivery, unit)
        except Exception as error:  # each record is handled alone next, which shows the faulty one
            logger.info("batch failed, handling its records one by one", group=self._group, error=str(error))
            return False
        self._count("done", *deliveries)
        return True

    async def _alone(self, delivery: _Delivery[U]) -> None:
        with self._observed(delivery):
            reason = delivery.reason or await self._try(delivery)
            if reason:
                topic, record = delivery.route.topic, delivery.record
                await self._insist(lambda: self._dead_letters.add(topic, record, reason))
            self._count("dead_lettered" if reason else "done", delivery)

    async def _try(self, delivery: _Delivery[U]) -> str:
        """Handle the event, with retries. Returns why it cannot be handled, or an empty string."""
        for attempt in range(1, self._retry.max_attempts + 1):
            try:
                await self._insist(lambda: self._run(delivery))
            except Exception as error:  # the consumer must survive every error of a handler
                logger.warning("handler failed", attempt=attempt, exc_info=error)
                reason = f"{type(error).__name__}: {error}"
                if isinstance(error, PERMANENT_ERRORS):
                    break
            else:
                return ""
            if not self._retry.is_last(attempt):
                await self._pause(attempt)
        return reason

    async def _run(self, delivery: _Delivery[U]) -> None:
        event = delivery.event
        assert event is not None
        await self._prepare([delivery])
        async with self._units(Scope(organization_id=event.organization_id)) as unit:
            await self._effect(delivery, unit)

    @staticmethod
    async def _prepare(deliveries: Sequence[_Delivery[U]]) -> None:
        for route in {delivery.route.topic.name: delivery.route for delivery in deliveries}.values():
            if route.prepare is not None:
                await route.prepare([d.event for d in deliveries if d.event and d.route is route])

    @staticmethod
    async def _effect(delivery: _Delivery[U], unit: U) -> None:
        event = delivery.event
        assert event is not None
        if delivery.route.repeatable or await unit.inbox.accept(event.id):
            await delivery.route.handler(event, unit)

    @contextmanager
    def _observed(self, delivery: _Delivery[U]) -> Iterator[None]:
        """Continue the producer's trace, and add the event to the log context."""
        record, event = delivery.record, delivery.event
        named = {"event_id": str(event.id), "organization_id": str(event.organization_id)} if event else {}
        with (
            self._tracer.start_as_current_span(
                f"process {record.topic}",
                context=extract(header_texts(record.headers)),
                kind=trace.SpanKind.CONSUMER,
                attributes={"messaging.system": "kafka", "messaging.destination.name": record.topic},
            ),
            structlog.contextvars.bound_contextvars(topic=record.topic, **named),
        ):
            yield

    def _count(self, outcome: str, *deliveries: _Delivery[U]) -> None:
        for delivery in deliveries:
            labels = {"group": self._group, "topic": delivery.record.topic, "outcome": outcome}
            self._handled.add(1, labels)

    async def _insist(self, work: Callable[[], Awaitable[None]]) -> None:
        """Repeat `work` until it no longer fails with a transient error."""
        attempt = 0
        while True:
            try:
                return await work()
            except TRANSIENT_ERRORS as error:
                attempt += 1
                logger.warning("waiting for database or broker", group=self._group, error=str(error))
                await self._pause(attempt)

    async def _pause(self, attempt: int) -> None:
        await asyncio.sleep(self._retry.delay(attempt).total_seconds())


async def _parse(
    records: tuple[ConsumerRecord[bytes, bytes], ...], original: Callable[..., Awaitable[KafkaMessage]]
) -> KafkaMessage:
    """Hide headers from FastStream's parser, which fails on every retry if one is not UTF-8."""
    message = await original(tuple(replace(record, headers=()) for record in records))
    message.raw_message = records
    return message


async def _whole_message(message: Any) -> Any:
    """Pass the raw message through: records are decoded one by one, so that only the bad ones fail."""
    return message
