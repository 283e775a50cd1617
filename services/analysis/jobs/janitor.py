"""What runs beside the requests: upkeep of partitions, views and objects; no upload is forgotten."""

from datetime import timedelta
from uuid import UUID

import structlog

from services.analysis.database.unit import PostgresUnits
from services.analysis.jobs.domain import SMALL_BYTES
from services.analysis.objects.models import PREFIX as MODELS
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings
from shared.access import Scope
from shared.clock import Clock
from shared.jobs.janitor import Janitor

UPLOADS = "uploads"
# What one round takes on; the next round is seconds away.
MAX_PER_ROUND = 200
# This month and the two after it.
PARTITIONS_AHEAD = 3
# Listing the whole store is for once in a while.
ROUNDS_BETWEEN_SWEEPS = 60

logger = structlog.get_logger(__name__)


class Chores:
    """Each may be done by several processes at once, and be cut short anywhere."""

    def __init__(self, units: PostgresUnits, storage: Storage, settings: Settings, clock: Clock) -> None:
        self._units = units
        self._storage = storage
        self._settings = settings
        self._clock = clock
        self._rounds = 0

    def janitor(self) -> Janitor:
        chores = {
            "partitions": self.ensure_partitions,
            "daily counts": self.refresh_daily,
            "discarded objects": self.empty_bin,
            "analyses without a job": self.adopt,
            "orphaned objects": self.sweep_now_and_then,
        }
        return Janitor("analysis janitor", chores, every=self._settings.upkeep_seconds)

    async def ensure_partitions(self) -> None:
        async with self._units(Scope()) as unit:
            await unit.upkeep.ensure_partitions(self._clock.now().date(), PARTITIONS_AHEAD)

    async def refresh_daily(self) -> None:
        async with self._units(Scope()) as unit:
            await unit.upkeep.refresh_daily()

    async def adopt(self) -> None:
        """Enqueue what a version before the queue has stored while this one started."""
        async with self._units(Scope()) as unit:
            adopted = await unit.upkeep.adopt(SMALL_BYTES)
        if adopted:
            logger.warning("analyses without a job enqueued", count=adopted)

    async def sweep_now_and_then(self) -> None:
        if self._rounds % ROUNDS_BETWEEN_SWEEPS == 0:
            await self.sweep()
        self._rounds += 1

    async def empty_bin(self) -> None:
        """Delete the objects of deleted machines and refused files."""
        async with self._units(Scope()) as unit:
            discarded = await unit.upkeep.discarded(MAX_PER_ROUND)
        for discarded_id, name in discarded:
            await self._storage.delete_all(name)
            async with self._units(Scope()) as unit:
                await unit.upkeep.forget_discarded(discarded_id)

    async def sweep(self) -> int:
        """Delete old objects that belong to nothing (a process died between storing and writing it down)."""
        before = self._clock.now() - timedelta(seconds=self._settings.orphan_after_seconds)
        uploads = [key for key, at in await self._storage.list(UPLOADS) if at < before]
        models = [key for key, at in await self._storage.list(MODELS) if at < before]
        async with self._units(Scope()) as unit:
            known = await unit.upkeep.known_objects(list({_upload_id(key) for key in uploads}), models)
        orphans = [key for key in uploads if str(_upload_id(key)) not in known]
        orphans += [key for key in models if key not in known]
        await self._storage.delete(orphans)
        if orphans:
            logger.info("orphaned objects deleted", count=len(orphans))
        return len(orphans)


def _upload_id(key: str) -> UUID:
    return UUID(key.split("/")[1])
