"""Reads the topics for the streams, without a consumer group: every gateway sees every event."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, TypeVar
from uuid import UUID

import orjson
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.structs import TopicPartition

from services.gateway.admission.ended import Ended
from services.gateway.stream.domain import StreamEvent, in_order
from services.gateway.stream.service import EventStreams
from shared.clock import Clock
from shared.errors import Unavailable
from shared.events.alerting import ALERT_CHANGED, ALERT_RAISED
from shared.events.analysis import (
    ANALYSIS_COMPLETED,
    ANALYSIS_FAILED,
    ANALYSIS_PROGRESSED,
    ANOMALY_DETECTED,
    UPLOAD_RECEIVED,
)
from shared.events.base import Event, Topic
from shared.events.codec import UndecodableRecord
from shared.events.deletions import DELETION_REQUESTED, DeletionRequested
from shared.jobs.loop import Loop
from shared.kafka.connection import KafkaConnection

T = TypeVar("T")
STREAMED: Mapping[str, Topic[Any]] = {
    topic.name: topic
    for topic in (
        UPLOAD_RECEIVED,
        ANALYSIS_PROGRESSED,
        ANALYSIS_COMPLETED,
        ANALYSIS_FAILED,
        ANOMALY_DETECTED,
        ALERT_RAISED,
        ALERT_CHANGED,
    )
}
TOPICS: Mapping[str, Topic[Any]] = {**STREAMED, DELETION_REQUESTED.name: DELETION_REQUESTED}
# Tokens are valid for an hour at most, and a little more where clocks differ.
MIN_LOOKBACK = timedelta(minutes=70)
# Calls of the client take moments; one that takes this long will never return.
MAX_CALL_SECONDS = 15.0
MAX_STOP_SECONDS = 5.0
POLL_MS = 500
RECORDS_PER_POLL = 1_000
# How soon added partitions, and a broker that is down, are noticed.
CHECK_SECONDS = 5.0
# How many past events are held to be sorted; older ones are not worth the memory.
MAX_BACKLOG = 50_000

Records = Mapping[TopicPartition, Iterable[ConsumerRecord[bytes, bytes]]]
logger = structlog.get_logger(__name__)


class PartitionsChanged(Exception):
    """Partitions were added, or topics are missing: start over."""


class Feed:
    """Reads every partition of the streamed topics, starting `lookback` ago."""

    def __init__(
        self,
        kafka: KafkaConnection,
        streams: EventStreams,
        ended: Ended,
        clock: Clock,
        *,
        lookback: timedelta,
    ) -> None:
        self._kafka = kafka
        self._streams = streams
        self._ended = ended
        self._clock = clock
        self._lookback = lookback
        self._followed = False
        self.loop = Loop("event stream", self._session)

    async def check(self) -> None:
        """Readiness probe: raise until the topics are read, and when reading has failed for long."""
        if not self._followed:
            raise Unavailable("the event stream does not read the topics yet")
        await self.loop.check()

    async def _session(self) -> None:
        """Follow until something fails; clients stay connected meanwhile."""
        consumer = self._consumer()
        try:
            partitions, ends = await within(MAX_CALL_SECONDS, self._open(consumer))
            await self._catch_up(consumer, ends)
            self._followed = True
            self.loop.succeeded()
            await self._follow(consumer, partitions)
        finally:
            with suppress(TimeoutError):
                await within(MAX_STOP_SECONDS, consumer.stop())

    def _consumer(self) -> AIOKafkaConsumer:
        return self._kafka.consumer(
            fetch_max_wait_ms=self._kafka.settings.kafka_fetch_wait_ms,
            max_poll_records=RECORDS_PER_POLL,
        )

    async def _open(
        self, consumer: AIOKafkaConsumer
    ) -> tuple[Sequence[TopicPartition], Mapping[TopicPartition, int]]:
        """The partitions, and where the past of each ends."""
        await consumer.start()
        partitions = await self._partitions()
        consumer.assign(partitions)
        return partitions, await self._seek(consumer, partitions)

    async def _catch_up(self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> None:
        """Publish the past: it comes partition by partition, and clients get it in the order it happened."""
        backlog: list[StreamEvent] = []
        while [p for p, end in ends.items() if await consumer.position(p) < end]:
            events = await self._poll(consumer)
            backlog = in_order([*backlog, *events])[-MAX_BACKLOG:]
            if not events:
                # While the broker is down the consumer retries in silence; this raises.
                await self._partitions()
        self._streams.publish(backlog)

    async def _follow(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        clock = asyncio.get_running_loop().time
        next_check = clock() + CHECK_SECONDS
        while True:
            self._streams.publish(await self._poll(consumer))
            if clock() > next_check:
                if await self._partitions() != partitions:
                    raise PartitionsChanged("partitions were added")
                next_check = clock() + CHECK_SECONDS

    async def _poll(self, consumer: AIOKafkaConsumer) -> Sequence[StreamEvent]:
        records = await within(MAX_CALL_SECONDS, consumer.getmany(timeout_ms=POLL_MS))
        found = list(self._events(records))
        for deletion in found:
            if isinstance(deletion, DeletionRequested):
                self._end(deletion)
        return [event for event in found if isinstance(event, StreamEvent)]

    def _end(self, deletion: DeletionRequested) -> None:
        if self._ended.add(deletion):
            self._streams.wake()
        self._streams.forget(deletion)

    def _events(self, records: Records) -> Iterator[StreamEvent | DeletionRequested]:
        for record in chain.from_iterable(records.values()):
            try:
                event = stream_event(self._kafka.event(TOPICS[record.topic], record), record)
            except UndecodableRecord as error:
                # Consumers with a group dead-letter it; here it is only left out.
                logger.warning(
                    "record skipped",
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    reason=str(error),
                )
                continue
            yield event

    async def _partitions(self) -> Sequence[TopicPartition]:
        partitions = await within(MAX_CALL_SECONDS, self._kafka.partitions(TOPICS))
        if missing := TOPICS.keys() - {partition.topic for partition in partitions}:
            raise PartitionsChanged(f"topics are missing: {', '.join(sorted(missing))}")
        return partitions

    async def _seek(
        self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """Go back in time by `lookback`; give the partitions' present ends."""
        now = self._clock.now()
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
        starts = await consumer.offsets_for_times(
            {partition: self._since(partition, now) for partition in partitions}
        )
        for partition in partitions:
            start = starts.get(partition)
            consumer.seek(partition, ends[partition] if start is None else start.offset)
        return ends

    def _since(self, partition: TopicPartition, now: datetime) -> int:
        """Where to begin (milliseconds since the epoch)."""
        deletions = partition.topic == DELETION_REQUESTED.name
        lookback = max(self._lookback, MIN_LOOKBACK) if deletions else self._lookback
        return int((now - lookback).timestamp() * 1000)


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """Run `work`, or raise TimeoutError. A client whose broker died may never return; then it is abandoned.

    When it stops, it may raise the cancellation of its own tasks, which must not cancel this one.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
        if not done:
            raise TimeoutError(f"the broker's client did not return within {seconds:g} s")
        if task.cancelled():
            raise TimeoutError("the broker's client was cancelled")
        return task.result()
    finally:
        task.cancel()


def stream_event(event: Event[Any], record: ConsumerRecord[bytes, bytes]) -> StreamEvent | DeletionRequested:
    """What the streams do with the event of a record. Raises UndecodableRecord."""
    if isinstance(event.payload, DeletionRequested):
        return event.payload
    if event.organization_id is None:
        raise UndecodableRecord("the event belongs to no organization")
    machine_id: UUID = event.payload.machine_id
    text = orjson.dumps(
        {
            "id": event.id,
            "type": event.topic.name,
            "time": event.time,
            "organization_id": event.organization_id,
            "data": orjson.Fragment(record.value or b"{}"),
        },
        option=orjson.OPT_UTC_Z,
    )
    return StreamEvent(
        event.id, event.topic.name, event.time, event.organization_id, machine_id, text.decode()
    )
