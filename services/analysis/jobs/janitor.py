"""What runs beside the requests: stalled work is put back, partitions, views and objects are looked after."""

import asyncio
from datetime import timedelta
from uuid import UUID

import asyncpg
import structlog
from obstore.exceptions import BaseError
from opentelemetry import metrics

from services.analysis.database.unit import PostgresUnits
from services.analysis.jobs.finalize import attempt_event
from services.analysis.objects.models import PREFIX as MODELS
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings
from shared.access import Scope
from shared.clock import Clock
from shared.events.analysis import UPLOAD_RECEIVED
from shared.kafka.consumer import TRANSIENT_ERRORS

UPLOADS = "uploads"
# What one round takes on; the next round is seconds away.
MOST_PER_ROUND = 200
# This month and the two after it.
PARTITIONS_AHEAD = 3
# Listing the whole store is for once in a while.
ROUNDS_BETWEEN_SWEEPS = 60

logger = structlog.get_logger(__name__)


class Reconciler:
    """The database is the truth: an analysis whose work has stopped is put before the workers again."""

    def __init__(self, units: PostgresUnits, settings: Settings) -> None:
        self._units = units
        self._settings = settings
        self._patience = timedelta(seconds=settings.pending_patience_seconds)
        meter = metrics.get_meter("dinsight.analysis")
        self._queue = meter.create_gauge(
            "dinsight_analysis_queue_length", "1", "Analyses that wait for a worker"
        )
        self._requeued = meter.create_counter(
            "dinsight_analysis_requeued", "1", "Analyses put back by the reconciler"
        )

    async def run(self) -> None:
        """Reconcile for ever; a database that is away is waited for."""
        while True:
            try:
                await self.round()
            except TRANSIENT_ERRORS as error:
                logger.warning("reconciler waits for the database", error=str(error))
            await asyncio.sleep(self._settings.reconcile_seconds)

    async def round(self) -> int:
        """Put back what is stalled, and tell how many that were."""
        async with self._units(Scope()) as unit:
            self._queue.set(await unit.upkeep.pending())
            stalled = await unit.upkeep.stalled(self._patience, MOST_PER_ROUND)
        put_back = [await self._put_back(analysis_id, organization) for analysis_id, organization in stalled]
        return sum(put_back)

    async def _put_back(self, analysis_id: UUID, organization_id: UUID) -> bool:
        async with self._units(Scope(organization_id=organization_id)) as unit:
            analysis = await unit.upkeep.requeue(analysis_id, self._patience)
            if analysis is None:
                return False
            await unit.outbox.add(
                UPLOAD_RECEIVED, analysis.id, attempt_event(analysis), organization_id=organization_id
            )
        logger.info("analysis put back", analysis_id=str(analysis_id), attempts=analysis.attempts)
        self._requeued.add(1)
        return True


class Keeper:
    """Partitions ahead of time, fresh daily counts, and no object without an owner."""

    def __init__(self, units: PostgresUnits, storage: Storage, settings: Settings, clock: Clock) -> None:
        self._units = units
        self._storage = storage
        self._settings = settings
        self._clock = clock

    async def run(self) -> None:
        """Look after things for ever; what is away is waited for."""
        rounds = 0
        while True:
            try:
                await self.round()
                if rounds % ROUNDS_BETWEEN_SWEEPS == 0:
                    await self.sweep()
                rounds += 1
            except (*TRANSIENT_ERRORS, asyncpg.PostgresError, BaseError) as error:
                logger.error("upkeep failed, trying again later", error=f"{type(error).__name__}: {error}")
            await asyncio.sleep(self._settings.upkeep_seconds)

    async def round(self) -> None:
        async with self._units(Scope()) as unit:
            await unit.upkeep.ensure_partitions(self._clock.now().date(), PARTITIONS_AHEAD)
        async with self._units(Scope()) as unit:
            await unit.upkeep.refresh_daily()
        await self.empty_bin()

    async def empty_bin(self) -> None:
        """Delete the objects of deleted machines and refused files."""
        async with self._units(Scope()) as unit:
            discarded = await unit.upkeep.discarded(MOST_PER_ROUND)
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
