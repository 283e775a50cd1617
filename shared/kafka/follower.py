"""Reads topics without a consumer group, so that every process sees every record, from some time ago on."""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Protocol, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.structs import TopicPartition

from shared.clock import Clock
from shared.errors import Unavailable
from shared.events.base import Event, Topic
from shared.events.codec import UndecodableRecord
from shared.jobs.loop import Loop
from shared.kafka.connection import KafkaConnection

T = TypeVar("T")
# Calls of the client take moments; one that takes this long will never return.
MAX_CALL_SECONDS = 15.0
MAX_STOP_SECONDS = 5.0
POLL_MS = 500
RECORDS_PER_POLL = 1_000
# How soon a broker that is down is noticed: without records, the client retries in silence.
ENDS_SECONDS = 1.0
# How soon added partitions are noticed.
PARTITIONS_SECONDS = 5.0
# Reading counts as current for this long after it was seen to have reached the ends.
CURRENT_SECONDS = 5.0

Record = ConsumerRecord[bytes, bytes]
logger = structlog.get_logger(__name__)


class PartitionsChanged(Exception):
    """Partitions were added, or topics are missing: start over."""


class Reader(Protocol):
    """What is done with the events."""

    def past(self, events: Sequence[tuple[Event[Any], bytes]]) -> None:
        """Events from before the start, partition by partition; `caught_up` is called after the last one."""
        ...

    def caught_up(self) -> None: ...

    def present(self, events: Sequence[tuple[Event[Any], bytes]]) -> None:
        """Events with their payloads as they were sent, as they come."""
        ...


class Follower:
    """Follows every partition of the topics, starting `lookback` ago."""

    def __init__(
        self,
        name: str,
        kafka: KafkaConnection,
        topics: Sequence[Topic[Any]],
        reader: Reader,
        clock: Clock,
        *,
        lookback: timedelta,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._kafka = kafka
        self._topics = {topic.name: topic for topic in topics}
        self._reader = reader
        self._clock = clock
        self._lookback = lookback
        self._monotonic = monotonic
        self._current_at = float("-inf")
        self._skipped_at = float("-inf")
        self._followed = False
        self.loop = Loop(name, self._session)

    @property
    def is_current(self) -> bool:
        """Whether everything that was published until moments ago has been read."""
        return self._monotonic() - self._current_at < CURRENT_SECONDS

    def has_skipped(self, within: timedelta) -> bool:
        """Whether a record was left out lately, because it could not be decoded."""
        return self._monotonic() - self._skipped_at < within.total_seconds()

    async def check(self) -> None:
        """Readiness probe: raise until the topics are read, and when reading has failed for long."""
        if not self._followed:
            raise Unavailable(f"{self._name} does not read the topics yet")
        await self.loop.check()

    async def _session(self) -> None:
        """Follow until something fails."""
        consumer = self._kafka.consumer(
            fetch_max_wait_ms=self._kafka.settings.kafka_fetch_wait_ms,
            max_poll_records=RECORDS_PER_POLL,
        )
        try:
            partitions, ends = await within(MAX_CALL_SECONDS, self._open(consumer))
            while not await self._has_reached(consumer, ends):
                self._reader.past(events := await self._poll(consumer))
                if not events:
                    # While the broker is down the consumer retries in silence; this raises.
                    await self._partitions()
            self._reader.caught_up()
            self._followed = True
            self.loop.succeeded()
            await self._follow(consumer, partitions)
        finally:
            with suppress(TimeoutError):
                await within(MAX_STOP_SECONDS, consumer.stop())

    async def _open(
        self, consumer: AIOKafkaConsumer
    ) -> tuple[Sequence[TopicPartition], Mapping[TopicPartition, int]]:
        """The partitions, and where the past of each ends."""
        await consumer.start()
        partitions = await self._partitions()
        consumer.assign(partitions)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(partitions)
        since = int((self._clock.now() - self._lookback).timestamp() * 1000)
        starts = await consumer.offsets_for_times(dict.fromkeys(partitions, since))
        for partition in partitions:
            start = starts.get(partition)
            consumer.seek(partition, ends[partition] if start is None else start.offset)
        return partitions, ends

    async def _follow(self, consumer: AIOKafkaConsumer, partitions: Sequence[TopicPartition]) -> None:
        clock = self._monotonic
        ends: Mapping[TopicPartition, int] = {}
        ends_at, next_ends, next_partitions = float("-inf"), 0.0, clock() + PARTITIONS_SECONDS
        while True:
            if clock() > next_ends:
                ends_at, next_ends = clock(), clock() + ENDS_SECONDS
                ends = await within(MAX_CALL_SECONDS, consumer.end_offsets(partitions))
            if await self._has_reached(consumer, ends):
                self._current_at = ends_at
            self._reader.present(await self._poll(consumer))
            if clock() > next_partitions:
                if await self._partitions() != partitions:
                    raise PartitionsChanged("partitions were added")
                next_partitions = clock() + PARTITIONS_SECONDS

    @staticmethod
    async def _has_reached(consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> bool:
        for partition, end in ends.items():
            if await consumer.position(partition) < end:
                return False
        return True

    async def _poll(self, consumer: AIOKafkaConsumer) -> Sequence[tuple[Event[Any], bytes]]:
        records = await within(MAX_CALL_SECONDS, consumer.getmany(timeout_ms=POLL_MS))
        return [event for batch in records.values() for record in batch if (event := self._decoded(record))]

    def _decoded(self, record: Record) -> tuple[Event[Any], bytes] | None:
        """None for a record that is no event: consumers with a group dead-letter it, here it is left out."""
        try:
            event = self._kafka.event(self._topics[record.topic], record)
        except UndecodableRecord as error:
            place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
            self._skipped_at = self._monotonic()
            logger.warning("record skipped", reason=str(error), **place)
            return None
        return event, record.value or b"{}"

    async def _partitions(self) -> Sequence[TopicPartition]:
        partitions = await within(MAX_CALL_SECONDS, self._kafka.partitions(self._topics))
        if missing := self._topics.keys() - {partition.topic for partition in partitions}:
            raise PartitionsChanged(f"topics are missing: {', '.join(sorted(missing))}")
        return partitions


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
