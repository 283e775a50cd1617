"""Events from the topics to the streams, without a consumer group: every gateway sees them all."""

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, TypeVar
from uuid import UUID

import orjson
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRecord
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

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
from shared.events.base import Topic
from shared.events.codec import UndecodableRecord, decode
from shared.kafka.connection import KafkaConnection

T = TypeVar("T")
TOPICS: Mapping[str, Topic[Any]] = {
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
RETRY_SECONDS = 1.0
# Joining takes a second, and what comes from the past comes without a pause: after this long nothing will.
START_SECONDS = 15.0
STOP_SECONDS = 5.0
POLL_MS = 500
RECORDS_PER_POLL = 1_000
# A broker that was replaced, or a topic that grew, is noticed by comparing its ends with our positions.
CHECK_SECONDS = 5.0
# What is read of the past before it is sorted and shown; older events than that are not worth the memory.
LARGEST_BACKLOG = 50_000

Records = Mapping[TopicPartition, Iterable[ConsumerRecord[bytes, bytes]]]
logger = structlog.get_logger(__name__)


class BrokerChanged(Exception):
    """The partitions are not what they were: begin again."""


class Feed:
    """Reads every partition of the streamed topics, from `reach` ago on."""

    def __init__(
        self, kafka: KafkaConnection, streams: EventStreams, clock: Clock, *, reach: timedelta
    ) -> None:
        self._kafka = kafka
        self._streams = streams
        self._clock = clock
        self._reach = reach
        self._following = False

    async def check(self) -> None:
        """Readiness probe: raise while the streams do not follow the topics."""
        if not self._following:
            raise Unavailable("the event stream does not follow the broker yet")

    async def run(self) -> None:
        """Follow for ever; clients stay connected while the broker is away."""
        while True:
            consumer = self._consumer()
            try:
                places, behind = await within(START_SECONDS, self._open(consumer))
                await self._follow(consumer, places, behind)
            except (KafkaError, OSError, TimeoutError, BrokerChanged) as error:
                logger.warning("event stream waits for the broker", error=f"{type(error).__name__}: {error}")
            finally:
                self._following = False
                with suppress(TimeoutError):
                    await within(STOP_SECONDS, consumer.stop())
            await asyncio.sleep(RETRY_SECONDS)

    def _consumer(self) -> AIOKafkaConsumer:
        return AIOKafkaConsumer(
            bootstrap_servers=self._kafka.bootstrap,
            client_id=self._kafka.client_id,
            group_id=None,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=self._kafka.settings.kafka_fetch_wait_ms,
            max_poll_records=RECORDS_PER_POLL,
        )

    async def _open(
        self, consumer: AIOKafkaConsumer
    ) -> tuple[Sequence[TopicPartition], dict[TopicPartition, int]]:
        """What is read, and how far each partition's past goes."""
        await consumer.start()
        places = await self._places()
        consumer.assign(places)
        return places, await self._seek(consumer, places)

    async def _follow(
        self,
        consumer: AIOKafkaConsumer,
        places: Sequence[TopicPartition],
        behind: dict[TopicPartition, int],
    ) -> None:
        backlog: list[StreamEvent] = []
        loop = asyncio.get_running_loop()
        next_check = loop.time() + CHECK_SECONDS
        moved = loop.time()
        reached: dict[TopicPartition, int] = {}
        while True:
            records = await within(START_SECONDS, consumer.getmany(timeout_ms=POLL_MS))
            if records:
                moved = loop.time()
            elif behind and loop.time() - moved > START_SECONDS:
                raise BrokerChanged("the past that the broker names does not come")
            reached |= {place: batch[0].offset for place, batch in records.items() if batch}
            events = list(_events(records))
            if behind:
                # The past comes partition by partition; clients get it as it happened.
                backlog = in_order([*backlog, *events])[-LARGEST_BACKLOG:]
                behind = {p: end for p, end in behind.items() if await consumer.position(p) < end}
            else:
                self._streams.publish(events)
            if not behind and not self._following:
                self._streams.publish(backlog)
                backlog.clear()
                self._following = True
            if loop.time() > next_check:
                await within(START_SECONDS, self._compare(consumer, places, reached))
                next_check = loop.time() + CHECK_SECONDS

    async def _places(self) -> Sequence[TopicPartition]:
        places = await self._kafka.partitions(TOPICS)
        if missing := TOPICS.keys() - {place.topic for place in places}:
            raise BrokerChanged(f"topics are missing: {', '.join(sorted(missing))}")
        return places

    async def _compare(
        self,
        consumer: AIOKafkaConsumer,
        places: Sequence[TopicPartition],
        reached: Mapping[TopicPartition, int],
    ) -> None:
        """`reached` are the first offsets of what was last read of each partition. The last ones would not
        do: the local broker names as a partition's end the first offset of its last batch, plus one."""
        if await self._places() != places:
            raise BrokerChanged("partitions were added")
        for place, end in (await consumer.end_offsets(places)).items():
            if end <= reached.get(place, -1):
                raise BrokerChanged(f"{place.topic} is shorter than what was read of it")

    async def _seek(
        self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Go back by the window's reach; give the ends of the partitions that have a past to read."""
        since = int((self._clock.now() - self._reach).timestamp() * 1000)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
        starts = await consumer.offsets_for_times(dict.fromkeys(places, since))
        behind: dict[TopicPartition, int] = {}
        for place in places:
            start = starts.get(place)
            offset = ends[place] if start is None else start.offset
            consumer.seek(place, offset)
            if offset < ends[place]:
                behind[place] = ends[place]
        return behind


async def within(seconds: float, work: Coroutine[Any, Any, T]) -> T:
    """`work`, or TimeoutError. The client of a broker that died may wait for good; then it is left behind.

    When it stops, it may raise the cancellation of its own tasks, which is none of ours.
    """
    task = asyncio.create_task(work)
    try:
        done, _ = await asyncio.wait([task], timeout=seconds)
        if not done:
            raise TimeoutError(f"the client of the broker did nothing for {seconds:g} s")
        if task.cancelled():
            raise TimeoutError("the client of the broker was cut off")
        return task.result()
    finally:
        task.cancel()


def _events(records: Records) -> Iterator[StreamEvent]:
    for batch in records.values():
        for record in batch:
            try:
                event = stream_event(record)
            except UndecodableRecord as error:
                # The service that consumes the topic dead-letters it; here it is only not shown.
                logger.warning(
                    "record skipped",
                    topic=record.topic,
                    partition=record.partition,
                    offset=record.offset,
                    reason=str(error),
                )
                continue
            yield event


def stream_event(record: ConsumerRecord[bytes, bytes]) -> StreamEvent:
    """A record as clients get it. Raises UndecodableRecord."""
    event = decode(TOPICS[record.topic], record.key, record.value, record.headers)
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
