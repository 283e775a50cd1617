"""Which events a feed gets: those of its organization that other systems may rely on."""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest

from shared.events.feeds import feed_topic
from shared.events.registry import TOPICS
from shared.kafka.feeds import CHECK_SECONDS, FeedTopics

MINE, THEIRS = uuid4(), uuid4()
INTERNAL = {"audit.recorded", "upload.received", "analysis.progressed"}


def producer(*topics: str) -> Any:
    async def fetch_all_metadata() -> Any:
        return SimpleNamespace(topics=lambda: set(topics))

    return SimpleNamespace(client=SimpleNamespace(fetch_all_metadata=fetch_all_metadata))


def of(organization: object) -> list[tuple[str, bytes]]:
    return [("ce_id", b"1"), ("ce_organizationid", str(organization).encode())]


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
async def test_only_documented_events_of_the_organization_are_copied(topic: Any) -> None:
    feeds = FeedTopics(enabled=True)
    await feeds.look(producer(feed_topic(MINE), "machine.changed"), 0.0)
    assert feeds.copy_of(topic.name, of(MINE)) == (None if topic.name in INTERNAL else feed_topic(MINE))
    assert feeds.copy_of(topic.name, of(THEIRS)) is None
    assert feeds.copy_of(topic.name, [("ce_id", b"1")]) is None
    assert feeds.copy_of(topic.dead_letter, of(MINE)) is None


async def test_feeds_come_and_go_with_their_topics() -> None:
    feeds = FeedTopics(enabled=True)
    await feeds.look(producer(), 0.0)
    await feeds.look(producer(feed_topic(MINE)), CHECK_SECONDS / 2)
    assert feeds.copy_of("alert.raised", of(MINE)) is None, "not asked again within moments"
    await feeds.look(producer(feed_topic(MINE)), CHECK_SECONDS)
    assert feeds.copy_of("alert.raised", of(MINE)) == feed_topic(MINE)
    await feeds.look(producer(), 2 * CHECK_SECONDS)
    assert feeds.copy_of("alert.raised", of(MINE)) is None


async def test_a_broker_without_logins_has_no_feeds() -> None:
    feeds = FeedTopics(enabled=False)
    await feeds.look(producer(feed_topic(MINE)), 0.0)
    assert feeds.copy_of("alert.raised", of(MINE)) is None
