"""Answers password reset requests in the background, one job each."""

from datetime import timedelta

import structlog

from services.auth.database.unit import Units
from services.auth.recovery.service import RecoveryService
from shared.access import Scope
from shared.jobs.queue import Job, Lease

logger = structlog.get_logger(__name__)


class ResetAnswerer:
    """Handles jobs of kind `password-reset`, each in one transaction."""

    def __init__(self, units: Units, recovery: RecoveryService) -> None:
        self._units = units
        self._recovery = recovery

    async def run(self, job: Job, lease: Lease) -> None:
        async with self._units(Scope(organization_id=job.organization_id)) as unit:
            await unit.jobs.complete(job)
            await self._recovery.answer(unit, job.subject_id)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(Scope(organization_id=job.organization_id)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        """Drop the request: its user can ask again."""
        async with self._units(Scope(organization_id=job.organization_id)) as unit:
            await unit.jobs.complete(job)
            await unit.reset_requests.take(job.subject_id)
        logger.error("password reset request dropped", error=type(error).__name__ if error else None)
