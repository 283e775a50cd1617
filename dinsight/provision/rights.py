"""Who may do what on a broker with logins: each program what it does, and nothing else.

`SUBSCRIPTIONS` repeats what the programs subscribe to; a test compares it with their code.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from shared.ended import TOPICS as TOPICS_OF_ENDS
from shared.events.base import EVERY_SERVICE, Topic
from shared.events.feeds import FEED_PREFIX
from shared.events.registry import DOCUMENTED, TOPICS
from shared.kafka.administration import CLUSTER, Right

# Reads what other systems may rely on, and nothing else. Consumer groups that begin so are its own.
DOWNSTREAM = "downstream"
# What every program hears of access that has ended.
ENDED = tuple(topic.name for topic in TOPICS_OF_ENDS)
SUBSCRIPTIONS: Mapping[str, tuple[str, ...]] = {
    "auth": ("audit.recorded", "deletion.requested", "deletion.reported"),
    "machines": (*ENDED, "analysis.completed", "deletion.requested"),
    "analysis": (
        *ENDED,
        "machine.changed",
        "alert.raised",
        "alert.changed",
        "deletion.requested",
    ),
    "alerting": (
        *ENDED,
        "machine.changed",
        "deletion.requested",
        "samples.scored",
        "anomaly.detected",
        "analysis.completed",
        "analysis.failed",
        "source.failed",
    ),
    # It follows topics without a consumer group.
    "gateway": (
        *ENDED,
        "upload.received",
        "analysis.progressed",
        "analysis.completed",
        "analysis.failed",
        "source.failed",
        "source.recovered",
        "anomaly.detected",
        "alert.raised",
        "alert.changed",
        "deletion.requested",
    ),
}


def rights_of(user: str) -> frozenset[Right]:
    return frozenset(_downstream() if user == DOWNSTREAM else _program(user))


def _program(user: str) -> Iterator[Right]:
    for topic in TOPICS:
        if user in SUBSCRIPTIONS and topic.name in SUBSCRIPTIONS[user]:
            yield from _may(topic.name, "read")
        if user in EVERY_SERVICE and topic.producer in (user, "every service"):
            yield from _may(topic.name, "write")
        if user in EVERY_SERVICE and _handles(user, topic):
            yield from _may(topic.dead_letter, "write")
    if user in EVERY_SERVICE:
        yield Right("group", user, "read", prefixed=True)
        # Copies of its events for the feeds of organizations.
        yield from _may(FEED_PREFIX, "write", prefixed=True)
    if user == "auth":
        # It makes the feeds, with a user and rights for each.
        yield from _may(FEED_PREFIX, "create", "delete", prefixed=True)
        yield Right("broker", CLUSTER, "alter")
        yield Right("broker", CLUSTER, "describe")


def _handles(user: str, topic: Topic[Any]) -> bool:
    """Whether it may dead-letter a record of the topic, or note that one was replayed."""
    return topic.name in SUBSCRIPTIONS[user] or topic.producer == user


def _downstream() -> Iterator[Right]:
    for topic in DOCUMENTED:
        yield from _may(topic.name, "read")
    yield Right("group", DOWNSTREAM, "read", prefixed=True)


def _may(topic: str, *operations: str, prefixed: bool = False) -> Iterator[Right]:
    for operation in (*operations, "describe"):
        yield Right("topic", topic, operation, prefixed)
