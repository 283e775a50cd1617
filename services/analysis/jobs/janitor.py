"""Periodic upkeep of partitions and objects, of analyses without a job, and of runs without a summary."""

from datetime import timedelta
from uuid import UUID

import structlog

from services.analysis.archives.domain import PREFIX as ARCHIVES
from services.analysis.archives.domain import prefix_in
from services.analysis.database.unit import Units
from services.analysis.jobs.domain import MAX_SMALL_BYTES
from services.analysis.jobs.summarize import Summarizer
from services.analysis.objects.models import PREFIX as MODELS
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings
from shared.access import Scope
from shared.clock import Clock
from shared.jobs.janitor import Janitor
from shared.postgres.partitions import Partitions

UPLOADS = "uploads"
# Objects deleted per round; the next round follows soon.
MAX_PER_ROUND = 200
PARTITIONED = ("anomalies", "monitor_data")
# Sweeping lists the whole store, so it happens only once in this many rounds.
ROUNDS_BETWEEN_SWEEPS = 60

logger = structlog.get_logger(__name__)


class Chores:
    """Several processes may run a chore at the same time, and it may be interrupted anywhere."""

    def __init__(
        self, units: Units, partitions: Partitions, storage: Storage, settings: Settings, clock: Clock
    ) -> None:
        self._units = units
        self._partitions = partitions
        self._storage = storage
        self._settings = settings
        self._clock = clock
        self._rounds = 0
        self._summarizer = Summarizer(units)

    def janitor(self) -> Janitor:
        chores = {
            "partitions of the next month": self.ensure_partitions,
            "runs without a summary": self.summarize,
            "discarded objects": self.delete_discarded,
            "analyses without a job": self.adopt,
            "orphaned objects": self.sweep_sometimes,
        }
        return Janitor("analysis janitor", chores, every=self._settings.upkeep_seconds)

    async def ensure_partitions(self) -> None:
        for table in PARTITIONED:
            await self._partitions.ensure_coming(table, self._clock.now())

    async def summarize(self) -> None:
        """Summarize all runs that an older version completed, or that were imported."""
        while summarized := await self._summarizer.catch_up():
            logger.info("completed runs summarized", count=summarized)

    async def adopt(self) -> None:
        """Enqueue analyses that a version without the queue stored while this one was starting."""
        async with self._units(Scope()) as unit:
            adopted = await unit.upkeep.adopt(MAX_SMALL_BYTES)
        if adopted:
            logger.warning("analyses without a job enqueued", count=adopted)

    async def sweep_sometimes(self) -> None:
        if self._rounds % ROUNDS_BETWEEN_SWEEPS == 0:
            await self.sweep()
        self._rounds += 1

    async def delete_discarded(self) -> None:
        """Delete the objects of deleted machines and rejected files."""
        async with self._units(Scope()) as unit:
            discarded = await unit.upkeep.discarded(MAX_PER_ROUND)
        for discarded_id, name in discarded:
            await self._storage.delete_all(name)
            async with self._units(Scope()) as unit:
                await unit.upkeep.forget_discarded(discarded_id)

    async def sweep(self) -> int:
        """Delete old objects that nothing refers to, left by a crash before the transaction committed."""
        before = self._clock.now() - timedelta(seconds=self._settings.orphan_after_seconds)
        old = [key for key, at in await self._storage.list(UPLOADS) if at < before]
        uploads = {key: upload_id for key in old if (upload_id := _upload_id(key)) is not None}
        models = [key for key, at in await self._storage.list(MODELS) if at < before]
        archives = [key for key, at in await self._storage.list(ARCHIVES) if at < before]
        async with self._units(Scope()) as unit:
            known = await unit.upkeep.known_objects(list(set(uploads.values())), models)
            known_archives = await unit.upkeep.known_archives(list({prefix_in(key) for key in archives}))
        orphans = [key for key, upload_id in uploads.items() if str(upload_id) not in known]
        orphans += [key for key in models if key not in known]
        orphans += [key for key in archives if prefix_in(key) not in known_archives]
        await self._storage.delete(orphans)
        if orphans:
            logger.info("orphaned objects deleted", count=len(orphans))
        return len(orphans)


def _upload_id(key: str) -> UUID | None:
    """The upload that a key belongs to; None if this service did not create the object."""
    try:
        return UUID(key.split("/")[1])
    except ValueError:
        return None
