"""The heartbeat of one analysis: renews its lease, tells its progress, and notices when it was taken away."""

import asyncio
import time
from datetime import timedelta
from typing import Self
from uuid import UUID

import structlog

from services.analysis.database.unit import PostgresUnits, Unit
from services.analysis.domain import Analysis
from services.analysis.jobs.domain import Stage
from shared.access import Scope
from shared.events.analysis import ANALYSIS_PROGRESSED, AnalysisProgressed
from shared.kafka.consumer import TRANSIENT_ERRORS

logger = structlog.get_logger(__name__)


async def tell_progress(unit: Unit, analysis: Analysis, stage: Stage, progress: float) -> None:
    """Publish how far an analysis is, with the unit's transaction."""
    payload = AnalysisProgressed(
        analysis_id=analysis.id,
        machine_id=analysis.machine_id,
        analysis_type=analysis.analysis_type.value,
        stage=stage,
        progress=progress,
    )
    await unit.outbox.add(
        ANALYSIS_PROGRESSED, analysis.machine_id, payload, organization_id=analysis.organization_id
    )


class LeaseLost(Exception):
    """Another worker has the analysis, or it was deleted: stop, and leave everything alone."""


class Pulse:
    """Runs beside the work: `async with Pulse(...) as pulse`. Threads may call `report` and `check`."""

    def __init__(
        self,
        units: PostgresUnits,
        analysis: Analysis,
        token: UUID,
        *,
        lease: timedelta,
        heartbeat_seconds: float,
        progress_seconds: float,
    ) -> None:
        self._units = units
        self._scope = Scope(organization_id=analysis.organization_id)
        self._analysis = analysis
        self._token = token
        self._lease = lease
        self._heartbeat_seconds = heartbeat_seconds
        self._progress_seconds = progress_seconds
        self._now: tuple[Stage, float] = (Stage.READING, 0.0)
        self._told = self._now
        self._lost = False
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._run())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def report(self, stage: Stage, progress: float) -> None:
        """Note how far the work is (0..1 over all stages), and raise LeaseLost when it is no longer ours."""
        self._now = (stage, min(1.0, max(0.0, progress)))
        self.check()

    def check(self) -> None:
        if self._lost:
            raise LeaseLost(str(self._analysis.id))

    async def _run(self) -> None:
        renewed = time.monotonic()
        while not self._lost:
            await asyncio.sleep(self._progress_seconds)
            try:
                if self._now != self._told:
                    await self._tell(*self._now)
                if time.monotonic() - renewed >= self._heartbeat_seconds:
                    await self._renew()
                    renewed = time.monotonic()
            except TRANSIENT_ERRORS as error:
                # The lease in the database decides, when it is back, whether the work still counts.
                logger.warning("heartbeat missed", analysis_id=str(self._analysis.id), error=str(error))

    async def _tell(self, stage: Stage, progress: float) -> None:
        analysis = self._analysis
        async with self._units(self._scope) as unit:
            self._lost = not await unit.work.note_progress(analysis.id, self._token, stage, progress)
            if self._lost:
                return
            await tell_progress(unit, analysis, stage, progress)
        self._told = (stage, progress)

    async def _renew(self) -> None:
        async with self._units(self._scope) as unit:
            self._lost = not await unit.work.renew(self._analysis.id, self._token, self._lease)
