"""Feeds: asked for, told about and ended by administrators of an organization."""

import secrets

from services.auth.database.unit import Unit
from services.auth.errors import FeedNotFound, FeedsOff
from services.auth.feeds.domain import FEED_JOB, QUEUE, Feed
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.crypto import Encryptor
from shared.jobs.queue import NewJob

PASSWORD_BYTES = 32
# What the sealed password is bound to.
PURPOSE = "feeds.sealed_password"


class FeedService:
    """`bootstrap` is where other systems reach the broker; feeds are `available` on one with logins."""

    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        encryptor: Encryptor,
        *,
        available: bool,
        bootstrap: str,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._encryptor = encryptor
        self.available = available
        self.bootstrap = bootstrap

    async def put(self, unit: Unit, caller: Caller) -> tuple[Feed, str]:
        """Ask for the feed, or for a new password of it; with the password, which nobody is told again.

        Raises FeedsOff.
        """
        if not self.available:
            raise FeedsOff
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        sealed = self._encryptor.encrypt(password, purpose=PURPOSE)
        feed = await unit.feeds.put(caller.organization_id, caller.user_id, sealed, self._clock.now())
        await self._change(unit, caller, "feed.requested")
        return feed, password

    async def get(self, unit: Unit, caller: Caller) -> Feed | None:
        return await unit.feeds.get(caller.organization_id)

    async def delete(self, unit: Unit, caller: Caller) -> None:
        """Raises FeedNotFound."""
        if not await unit.feeds.delete(caller.organization_id):
            raise FeedNotFound
        await self._change(unit, caller, "feed.deleted")

    async def _change(self, unit: Unit, caller: Caller, action: str) -> None:
        organization_id = caller.organization_id
        job = NewJob(self._new_id(), QUEUE, FEED_JOB, organization_id, organization_id)
        await unit.jobs.enqueue([job])
        await self._auditor.wrote(unit.outbox, caller, action, "feed", organization_id)
