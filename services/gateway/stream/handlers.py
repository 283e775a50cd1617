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
from shared.jobs.loop import Loop
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
# The client's calls take moments; after this long it waits for something that will not come.
MAX_CALL_SECONDS = 15.0
MAX_STOP_SECONDS = 5.0
POLL_MS = 500
RECORDS_PER_POLL = 1_000
# How soon added partitions, and a broker that is away, are noticed.
CHECK_SECONDS = 5.0
# What is read of the past before it is sorted and shown; older events than that are not worth the memory.
MAX_BACKLOG = 50_000

Records = Mapping[TopicPartition, Iterable[ConsumerRecord[bytes, bytes]]]
logger = structlog.get_logger(__name__)


class PartitionsChanged(Exception):
    """Partitions were added, or topics are missing: begin again."""


class Feed:
    """Reads every partition of the streamed topics, from `reach` ago on."""

    def __init__(
        self, kafka: KafkaConnection, streams: EventStreams, clock: Clock, *, reach: timedelta
    ) -> None:
        self._kafka = kafka
        self._streams = streams
        self._clock = clock
        self._reach = reach
        self._followed = False
        self.loop = Loop("event stream", self._session)

    async def check(self) -> None:
        """Readiness probe: raise until the topics are followed, and while they have not been for long."""
        if not self._followed:
            raise Unavailable("the event stream does not follow the broker yet")
        await self.loop.check()

    async def _session(self) -> None:
        """Follow until something fails; clients stay connected meanwhile."""
        consumer = self._consumer()
        try:
            places, ends = await within(MAX_CALL_SECONDS, self._open(consumer))
            await self._catch_up(consumer, ends)
            self._followed = True
            self.loop.succeeded()
            await self._follow(consumer, places)
        finally:
            with suppress(TimeoutError):
                await within(MAX_STOP_SECONDS, consumer.stop())

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
    ) -> tuple[Sequence[TopicPartition], Mapping[TopicPartition, int]]:
        """What is read, and where each partition's past ends."""
        await consumer.start()
        places = await self._places()
        consumer.assign(places)
        return places, await self._seek(consumer, places)

    async def _catch_up(self, consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int]) -> None:
        """The past comes partition by partition; clients get it as it happened."""
        backlog: list[StreamEvent] = []
        while [place for place, end in ends.items() if await consumer.position(place) < end]:
            events = await self._poll(consumer)
            backlog = in_order([*backlog, *events])[-MAX_BACKLOG:]
            if not events:
                # A client whose broker is away only keeps trying; this raises.
                await self._places()
        self._streams.publish(backlog)

    async def _follow(self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]) -> None:
        clock = asyncio.get_running_loop().time
        next_check = clock() + CHECK_SECONDS
        while True:
            self._streams.publish(await self._poll(consumer))
            if clock() > next_check:
                if await self._places() != places:
                    raise PartitionsChanged("partitions were added")
                next_check = clock() + CHECK_SECONDS

    async def _poll(self, consumer: AIOKafkaConsumer) -> Sequence[StreamEvent]:
        return list(_events(await within(MAX_CALL_SECONDS, consumer.getmany(timeout_ms=POLL_MS))))

    async def _places(self) -> Sequence[TopicPartition]:
        places = await within(MAX_CALL_SECONDS, self._kafka.partitions(TOPICS))
        if missing := TOPICS.keys() - {place.topic for place in places}:
            raise PartitionsChanged(f"topics are missing: {', '.join(sorted(missing))}")
        return places

    async def _seek(
        self, consumer: AIOKafkaConsumer, places: Sequence[TopicPartition]
    ) -> Mapping[TopicPartition, int]:
        """Go back by the window's reach; give the ends of the partitions as they are now."""
        since = int((self._clock.now() - self._reach).timestamp() * 1000)
        ends: Mapping[TopicPartition, int] = await consumer.end_offsets(places)
        starts = await consumer.offsets_for_times(dict.fromkeys(places, since))
        for place in places:
            start = starts.get(place)
            consumer.seek(place, ends[place] if start is None else start.offset)
        return ends


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
