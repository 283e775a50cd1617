"""Brings the broker to what the database says of a feed, in a job for each change."""

from datetime import timedelta

import structlog

from services.auth.database.unit import Units
from services.auth.feeds.domain import FeedBroker
from services.auth.feeds.service import PURPOSE
from shared.access import Scope
from shared.clock import Clock
from shared.crypto import Encryptor
from shared.events.feeds import feed_topic
from shared.jobs.queue import Job, Lease

logger = structlog.get_logger(__name__)


class FeedMaker:
    """Handles jobs of kind `feed`. Nothing is done at the broker within a transaction."""

    def __init__(self, units: Units, broker: FeedBroker, encryptor: Encryptor, clock: Clock) -> None:
        self._units = units
        self._broker = broker
        self._encryptor = encryptor
        self._clock = clock

    async def run(self, job: Job, lease: Lease) -> None:
        scope = Scope(organization_id=job.organization_id)
        async with self._units(scope) as unit:
            feed = await unit.feeds.get(job.subject_id)
        if feed is None:
            await self._broker.remove(feed_topic(job.subject_id))
        elif feed.sealed_password is not None:
            password = self._encryptor.decrypt(feed.sealed_password, purpose=PURPOSE)
            await self._broker.make(feed.topic, password)
        async with self._units(scope) as unit:
            await unit.jobs.complete(job)
            if feed is not None:
                # Not if it was changed meanwhile: the job of that change comes next.
                await unit.feeds.made(feed.organization_id, feed.version, self._clock.now())

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(Scope(organization_id=job.organization_id)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        """The feed stays as it is; asking for it again makes another job."""
        async with self._units(Scope(organization_id=job.organization_id)) as unit:
            await unit.jobs.complete(job)
        logger.error("feed could not be changed", error=type(error).__name__ if error else None)
