"""The names of feeds: topics with the events of one organization each."""

from uuid import UUID

FEED_PREFIX = "feed."


def feed_topic(organization_id: UUID) -> str:
    return f"{FEED_PREFIX}{organization_id}"
