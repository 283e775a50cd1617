"""Feeds: a topic with the events of one organization, for that organization's own systems."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from shared.events.feeds import feed_topic
from shared.jobs.retry import RetryPolicy

QUEUE = "feeds"
# The kind of the jobs that bring the broker to what the database says.
FEED_JOB = "feed"
LEASE = timedelta(seconds=60)
HEARTBEAT_SECONDS = 20.0
# A broker may be down overnight.
RETRY = RetryPolicy(20, first_delay=timedelta(seconds=2), max_delay=timedelta(hours=1), factor=4.0)


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed that is wanted. The password is sealed, and kept only until the broker knows it."""

    organization_id: UUID
    created_by: UUID
    created_at: datetime
    ready_at: datetime | None
    sealed_password: str | None
    version: int

    @property
    def topic(self) -> str:
        return feed_topic(self.organization_id)

    @property
    def user(self) -> str:
        """The user has the name of the topic, and so have its consumer groups."""
        return self.topic


class FeedBroker(Protocol):
    """The broker's side of feeds. Both can be repeated."""

    async def make(self, topic: str, password: str) -> None:
        """Create the topic, and the user that may read it; or change the user's password."""
        ...

    async def remove(self, topic: str) -> None:
        """Delete the user and the topic with its records."""
        ...
