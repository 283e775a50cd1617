"""What the service does by itself from time to time."""

import asyncio

import asyncpg
import structlog

from services.auth.database.unit import Units
from services.auth.keys.service import KeyRing
from services.auth.mail.domain import MAIL_REMEMBERED_FOR
from services.auth.sign_in.domain import FAILURES_FORGOTTEN_AFTER
from shared.access import Scope
from shared.clock import Clock

# Keys and partitions are made long before they are needed; an hour missed is no harm.
EVERY_SECONDS = 3600.0
RETRY_SECONDS = 5.0
PARTITION_MONTHS_AHEAD = 3

logger = structlog.get_logger(__name__)


class Upkeep:
    """Rotates keys, makes partitions, forgets what has expired. Every replica may do it, none needs to."""

    def __init__(self, units: Units, clock: Clock, keys: KeyRing) -> None:
        self._units = units
        self._clock = clock
        self._keys = keys

    async def run(self) -> None:
        """Repeat until cancelled; a database that is away is waited for."""
        while True:
            try:
                await self.once()
                await asyncio.sleep(EVERY_SECONDS)
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                logger.warning("upkeep waits", error=f"{type(error).__name__}: {error}")
                await asyncio.sleep(RETRY_SECONDS)

    async def once(self) -> None:
        await self._keys.maintain()
        now = self._clock.now()
        async with self._units(Scope()) as unit:
            await unit.trail.ensure_partitions(PARTITION_MONTHS_AHEAD)
            await unit.sessions.delete_expired(now)
            await unit.oidc.delete_expired(now)
            await unit.attempts.forget_old(now - FAILURES_FORGOTTEN_AFTER)
            await unit.one_time.delete_expired(now)
            await unit.invitations.delete_expired(now)
            await unit.mail.forget_finished(now - MAIL_REMEMBERED_FOR)
