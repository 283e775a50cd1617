"""Fires the timers that are due."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import TypeAlias
from uuid import UUID

import structlog

from services.alerting.database.unit import Unit
from services.alerting.timer.timers import QUEUE
from shared.access import Scope
from shared.jobs.queue import Job, Lease, Queue
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker

CONCURRENCY = 8
# One organization's storm of timers leaves places for the others.
PER_ORGANIZATION = 4
LEASE = timedelta(seconds=30)
HEARTBEAT_SECONDS = 10.0
# A timer is never lost: what fails now may work after the next release.
RETRY = RetryPolicy(
    max_attempts=2**31, first_delay=timedelta(seconds=1), max_delay=timedelta(minutes=5), factor=4.0
)

TimerHandler: TypeAlias = Callable[[Unit, UUID], Awaitable[None]]
"""Called with the subject of the timer, in the transaction that ends it. It locks the subject, and finds out
itself whether there is still something to do: the subject may have changed since the timer was set."""
Units: TypeAlias = Callable[[Scope], AbstractAsyncContextManager[Unit]]

logger = structlog.get_logger(__name__)


class TimerRunner:
    """Handles the jobs of timers of one kind."""

    def __init__(self, units: Units, handler: TimerHandler) -> None:
        self._units = units
        self._handler = handler

    async def run(self, job: Job, lease: Lease) -> None:
        async with self._units(_scope(job)) as unit, unit.timers.firing(job) as subject_id:
            await self._handler(unit, subject_id)

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        async with self._units(_scope(job)) as unit:
            await unit.jobs.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        logger.error("timer given up", kind=job.kind, subject=str(job.subject_id), exc_info=error)
        async with self._units(_scope(job)) as unit:
            await unit.jobs.complete(job)


def timer_worker(queue: Queue, units: Units, handlers: Mapping[str, TimerHandler]) -> Worker:
    """`handlers` by kind of timer."""
    runners = {kind: TimerRunner(units, handler) for kind, handler in handlers.items()}
    pace = Pace(LEASE, HEARTBEAT_SECONDS, per_organization=PER_ORGANIZATION)
    return Worker(queue, QUEUE, runners, [Lane(CONCURRENCY)], pace, RETRY)


def _scope(job: Job) -> Scope:
    return Scope(organization_id=job.organization_id)
