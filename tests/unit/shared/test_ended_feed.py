"""Whether every end of access is known that was published."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

from aiokafka.structs import TopicPartition

from shared.ended import REMEMBERED_FOR, TOPICS, EndedAccess
from shared.events.codec import UndecodableRecord
from shared.kafka.connection import KafkaConnection
from shared.kafka.ended_feed import EndedFeed
from tests.support.fakes import FakeClock
from tests.support.waiting import eventually

PARTITIONS = [TopicPartition(topic.name, 0) for topic in TOPICS]
FIRST = PARTITIONS[0]


class Broker:
    """A broker with `undecodable` records in its first partition; its own only consumer."""

    def __init__(self, undecodable: int = 0) -> None:
        self.settings = SimpleNamespace(kafka_fetch_wait_ms=1)
        self.waiting = [
            SimpleNamespace(topic=FIRST.topic, partition=0, offset=offset, value=b"?")
            for offset in range(undecodable)
        ]
        self.read = 0

    def consumer(self, **_: object) -> "Broker":
        return self

    async def partitions(self, _: Iterable[str]) -> Sequence[TopicPartition]:
        return PARTITIONS

    def event(self, _topic: object, _record: object) -> Any:
        raise UndecodableRecord("no event")

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    def assign(self, _: Sequence[TopicPartition]) -> None: ...

    def seek(self, _partition: TopicPartition, _offset: int) -> None: ...

    async def end_offsets(self, _: Sequence[TopicPartition]) -> Mapping[TopicPartition, int]:
        return dict.fromkeys(PARTITIONS, 0) | {FIRST: self.read + len(self.waiting)}

    async def offsets_for_times(self, _: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, None]:
        return {}

    async def position(self, partition: TopicPartition) -> int:
        return self.read if partition == FIRST else 0

    async def getmany(self, timeout_ms: int) -> Mapping[TopicPartition, Sequence[Any]]:
        await asyncio.sleep(0)
        found, self.waiting = self.waiting, []
        self.read += len(found)
        return {FIRST: found}


class Time:
    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        # Moves on a little, as time does while the feed asks how far it must read.
        self.now += 0.001
        return self.now


@asynccontextmanager
async def following(broker: Broker, time: Time) -> AsyncIterator[EndedFeed]:
    feed = EndedFeed(cast(KafkaConnection, broker), EndedAccess(), FakeClock(), monotonic=time)
    running = asyncio.create_task(feed.loop.run())
    try:
        yield feed
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def is_current(feed: EndedFeed) -> bool:
    return feed.is_current


async def test_a_feed_that_has_read_everything_is_current() -> None:
    broker = Broker()
    async with following(broker, Time()) as feed:
        await eventually(lambda: is_current(feed), what="the feed")


async def test_it_is_not_while_a_record_that_it_skipped_may_be_an_end_that_matters() -> None:
    broker, time = Broker(undecodable=1), Time()
    async with following(broker, time) as feed:

        async def has_skipped() -> bool:
            return broker.read == 1

        await eventually(has_skipped, what="the record")
        time.now += (REMEMBERED_FOR - timedelta(minutes=10)).total_seconds()
        for _ in range(50):
            await asyncio.sleep(0)
            assert not feed.is_current
        time.now += timedelta(minutes=10).total_seconds()
        await eventually(lambda: is_current(feed), what="the feed")
