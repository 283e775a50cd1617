"""Feeds get their copies in order, and one that does not take them holds nobody up."""

import asyncio
from collections import defaultdict
from typing import Any

from aiokafka.errors import TopicAuthorizationFailedError

from shared.kafka.copies import Copy, FeedCopies
from tests.support.waiting import eventually

# Far beyond what a test may take: whoever waits for it fails.
LONG = 3600.0


class FakeProducer:
    """Takes records at once, except those of feeds that hang or are refused."""

    def __init__(self) -> None:
        self.taken: dict[str, list[bytes | None]] = defaultdict(list)
        self.hanging: dict[str, asyncio.Event] = {}
        self.refused: set[str] = set()
        self.stopped = False

    async def start(self) -> None:
        """Nothing to start."""

    async def stop(self) -> None:
        for event in self.hanging.values():
            await event.wait()
        self.stopped = True

    async def send(
        self, topic: str, value: bytes | None, *, key: bytes | None, headers: Any
    ) -> asyncio.Future[Any]:
        if topic in self.hanging:
            await self.hanging[topic].wait()
        taken: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if topic in self.refused:
            taken.set_exception(TopicAuthorizationFailedError(topic))
        else:
            self.taken[topic].append(value)
            taken.set_result(None)
        return taken


def copies(producer: FakeProducer, patience: float = LONG) -> FeedCopies:
    return FeedCopies(producer, service="machines", patience=patience)


def of(feed: str, *values: bytes) -> list[Copy]:
    return [Copy(feed, b"key", value) for value in values]


async def test_each_feed_gets_its_copies_in_order() -> None:
    producer = FakeProducer()
    async with copies(producer) as feeds:
        await feeds.send([*of("feed.a", b"1", b"2"), *of("feed.b", b"3")])
        await feeds.send(of("feed.a", b"4"))
    assert producer.taken == {"feed.a": [b"1", b"2", b"4"], "feed.b": [b"3"]}
    assert producer.stopped
    assert not feeds.late


async def test_a_feed_that_hangs_loses_what_comes_meanwhile_and_holds_up_nobody() -> None:
    producer = FakeProducer()
    producer.hanging["feed.gone"] = asyncio.Event()
    feeds = copies(producer, patience=0.01)
    await feeds.send([*of("feed.gone", b"1"), *of("feed.b", b"1")])
    assert producer.taken == {"feed.b": [b"1"]}
    assert feeds.late == {"feed.gone"}


async def test_nobody_waits_for_a_late_feed_until_it_has_taken_copies_again() -> None:
    producer = FakeProducer()
    producer.refused.add("feed.a")
    feeds = copies(producer)
    await feeds.send([*of("feed.a", b"1"), *of("feed.b", b"1")])
    assert feeds.late == {"feed.a"}
    producer.refused.clear()
    hanging = producer.hanging["feed.a"] = asyncio.Event()
    # With all patience of the world, these return: the feed is late already.
    await asyncio.wait_for(feeds.send(of("feed.a", b"2")), LONG / 2)
    await feeds.send([*of("feed.a", b"lost"), *of("feed.b", b"2")])
    hanging.set()
    await eventually(lambda: asyncio.sleep(0, not feeds.late), what="the feed being in time again")
    await feeds.send(of("feed.a", b"3"))
    assert producer.taken == {"feed.a": [b"2", b"3"], "feed.b": [b"1", b"2"]}


async def test_ending_waits_for_no_feed_that_hangs() -> None:
    producer = FakeProducer()
    hanging = producer.hanging["feed.gone"] = asyncio.Event()
    async with copies(producer, patience=0.01) as feeds:
        await feeds.send(of("feed.gone", b"1"))
    assert not producer.stopped
    hanging.set()
