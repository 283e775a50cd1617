"""The jobs that archive and restore analyses on request."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog

from services.analysis.database.unit import Unit, Units
from shared.access import Scope
from shared.errors import DInsightError
from shared.jobs.queue import Job, Lease

logger = structlog.get_logger(__name__)


class ArchiveJobs:
    """Runs `Archiver.archive` or `Archiver.restore` as jobs, which end in its last transaction."""

    def __init__(self, units: Units, work: Callable[..., Awaitable[Any]]) -> None:
        self._units = units
        self._work = work

    async def run(self, job: Job, lease: Lease) -> None:
        async def end(unit: Unit) -> None:
            await unit.jobs.complete(job)

        await lease.turn()
        by = job.args.get("user_id")
        try:
            await self._work(_scope(job), job.subject_id, by=UUID(by) if by else None, end=end)
        except DInsightError as error:
            # What was true at the request no longer is: a run began, the analysis was deleted or restored.
            await self._drop(job, error)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(_scope(job)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        await self._drop(job, error)

    async def _drop(self, job: Job, error: Exception | None) -> None:
        logger.error(f"{job.kind} given up, the analysis stays as it is", error=str(error))
        async with self._units(_scope(job)) as unit:
            await unit.archives.lock(job.subject_id)
            await unit.archives.set_stage(job.subject_id, None)
            await unit.jobs.complete(job)


def _scope(job: Job) -> Scope:
    return Scope(organization_id=job.organization_id)
