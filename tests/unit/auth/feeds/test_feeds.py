"""Feeds: who gets which password, and what reaches the broker."""

import base64
from dataclasses import dataclass, field
from uuid import uuid4

import pytest

from services.auth.errors import FeedNotFound, FeedsOff
from services.auth.feeds.domain import LEASE, QUEUE, Feed
from services.auth.feeds.maker import FeedMaker
from services.auth.feeds.service import FeedService
from shared.access import Caller, Role
from shared.audit import Auditor
from shared.clock import time_ordered_id
from shared.crypto import Encryptor
from shared.jobs.leases import HeldLease, Priority
from tests.support.fakes import FakeClock
from tests.unit.auth.database.fakes.unit import FakeUnits

CALLER = Caller(uuid4(), "ada@example.org", "Ada", uuid4(), Role.ADMIN, "token")
TOPIC = f"feed.{CALLER.organization_id}"


@dataclass
class FakeBroker:
    """`users` are the passwords by name."""

    users: dict[str, str] = field(default_factory=dict)

    async def make(self, topic: str, password: str) -> None:
        self.users[topic] = password

    async def remove(self, topic: str) -> None:
        self.users.pop(topic, None)


class Setting:
    def __init__(self, *, available: bool = True) -> None:
        clock = FakeClock()
        encryptor = Encryptor("test:" + base64.b64encode(bytes(32)).decode())
        self.units, self.broker = FakeUnits(clock), FakeBroker()
        self.service = FeedService(
            clock, time_ordered_id, Auditor(clock), encryptor, available=available, bootstrap="kafka:9092"
        )
        self.maker = FeedMaker(self.units, self.broker, encryptor, clock)

    async def put(self) -> tuple[Feed, str]:
        return await self.service.put(self.units.unit(), CALLER)

    async def work(self, jobs: int = 1) -> None:
        """Run one job after the other."""
        for _ in range(jobs):
            [job] = await self.units.jobs.claim(QUEUE, 1, lease=LEASE)
            await self.maker.run(job, HeldLease(job, LEASE, Priority(), sent_at=0.0))
        assert await self.units.jobs.claim(QUEUE, 1, lease=LEASE) == []

    @property
    def feed(self) -> Feed | None:
        return self.units.feeds.feeds.get(CALLER.organization_id)


async def test_the_broker_gets_the_password_that_was_shown_once() -> None:
    setting = Setting()
    asked, password = await setting.put()
    assert (asked.topic, asked.user, asked.ready_at) == (TOPIC, TOPIC, None)
    assert password not in repr(setting.units.feeds)
    await setting.work()
    assert setting.broker.users == {TOPIC: password}
    assert setting.feed is not None
    assert setting.feed.sealed_password is None
    assert setting.feed.ready_at is not None
    actions = [event.payload.action for event in setting.units.outbox.events]
    assert actions == ["feed.requested"]
    assert password not in repr(setting.units.outbox.events)


async def test_asking_again_gives_another_password() -> None:
    setting = Setting()
    _, first = await setting.put()
    _, second = await setting.put()
    assert first != second
    await setting.work(2)
    assert setting.broker.users == {TOPIC: second}


async def test_a_deleted_feed_goes_from_the_broker_and_may_come_back() -> None:
    setting = Setting()
    await setting.put()
    await setting.work()
    await setting.service.delete(setting.units.unit(), CALLER)
    await setting.work()
    assert (setting.broker.users, setting.feed) == ({}, None)
    assert await setting.service.get(setting.units.unit(), CALLER) is None
    with pytest.raises(FeedNotFound):
        await setting.service.delete(setting.units.unit(), CALLER)
    await setting.put()
    await setting.service.delete(setting.units.unit(), CALLER)
    _, password = await setting.put()
    await setting.work(3)
    assert setting.broker.users == {TOPIC: password}


async def test_a_password_asked_for_meanwhile_is_not_forgotten() -> None:
    setting = Setting()
    _, first = await setting.put()
    [job] = await setting.units.jobs.claim(QUEUE, 1, lease=LEASE)
    make = setting.broker.make

    async def interrupted(topic: str, password: str) -> None:
        await make(topic, password)
        assert password == first
        await setting.put()

    setting.broker.make = interrupted  # type: ignore[method-assign]  # what happens while the broker works
    await setting.maker.run(job, HeldLease(job, LEASE, Priority(), sent_at=0.0))
    setting.broker.make = make  # type: ignore[method-assign]
    assert setting.feed is not None
    assert setting.feed.sealed_password is not None
    await setting.work()
    assert setting.broker.users[TOPIC] != first
    assert setting.feed.sealed_password is None


async def test_there_are_no_feeds_on_a_broker_that_trusts_everybody() -> None:
    setting = Setting(available=False)
    with pytest.raises(FeedsOff):
        await setting.put()
    assert setting.feed is None
