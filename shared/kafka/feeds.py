"""Feeds: topics with the events of one organization each, for its own systems.

The topic is the setting: each relay copies to it what other systems may rely on, as long as it exists.
"""

from collections.abc import Sequence

from aiokafka import AIOKafkaProducer

from shared.events.codec import ORGANIZATION_HEADER
from shared.events.feeds import FEED_PREFIX
from shared.events.registry import DOCUMENTED

# How soon a new feed is noticed.
CHECK_SECONDS = 5.0
COPIED = frozenset(topic.name for topic in DOCUMENTED)


class FeedTopics:
    """The feeds that the broker has, as of the last look."""

    def __init__(self, *, enabled: bool) -> None:
        self._enabled = enabled
        self._topics: frozenset[str] = frozenset()
        self._looked_at = float("-inf")

    async def look(self, producer: AIOKafkaProducer, now: float) -> None:
        """Ask the broker again unless that was a moment ago. Raises KafkaError."""
        if not self._enabled or now - self._looked_at < CHECK_SECONDS:
            return
        metadata = await producer.client.fetch_all_metadata()
        self._topics = frozenset(topic for topic in metadata.topics() if topic.startswith(FEED_PREFIX))
        self._looked_at = now

    def copy_of(self, topic: str, headers: Sequence[tuple[str, bytes]]) -> str | None:
        """The feed that gets a copy of an event; None if there is none."""
        if topic not in COPIED:
            return None
        organization = dict(headers).get(ORGANIZATION_HEADER)
        feed = FEED_PREFIX + organization.decode("ascii", "replace") if organization else ""
        return feed if feed in self._topics else None
