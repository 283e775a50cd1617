"""Feeds in memory."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.auth.feeds.domain import Feed


@dataclass
class FakeFeeds:
    feeds: dict[UUID, Feed] = field(default_factory=dict)

    async def get(self, organization_id: UUID) -> Feed | None:
        return self.feeds.get(organization_id)

    async def put(self, organization_id: UUID, created_by: UUID, sealed_password: str, now: datetime) -> Feed:
        known = self.feeds.get(organization_id)
        if known is None:
            feed = Feed(organization_id, created_by, now, None, sealed_password, 1)
        else:
            feed = replace(known, sealed_password=sealed_password, version=known.version + 1)
        self.feeds[organization_id] = feed
        return feed

    async def made(self, organization_id: UUID, version: int, now: datetime) -> None:
        known = self.feeds.get(organization_id)
        if known is not None and known.version == version:
            self.feeds[organization_id] = replace(known, sealed_password=None, ready_at=known.ready_at or now)

    async def delete(self, organization_id: UUID) -> bool:
        return self.feeds.pop(organization_id, None) is not None
