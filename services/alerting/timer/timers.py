"""Timers: something happens to a subject at a time, once, whichever instance runs and whatever restarts.

A timer is a job of the queue `timers`, so it is stored in the transaction of the change that needs it, and
fires in the transaction that writes its effects. A subject has at most one timer of each kind.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from uuid import UUID, uuid5

from shared.clock import Clock
from shared.jobs.queue import Job, Jobs, NewJob

QUEUE = "timers"
SUBJECT = "subject"
# Ids of timers are derived from kind and subject, so that a timer can be moved and cancelled without its id.
NAMESPACE = UUID("6d0c3f0e-6b0f-4f9e-9d53-0a5f2f0f7c11")


def timer_id(kind: str, subject_id: UUID) -> UUID:
    return uuid5(NAMESPACE, f"{kind}/{subject_id}")


class Timers:
    """The timers of one unit of work. Changes take effect if, and only if, its transaction commits."""

    def __init__(self, jobs: Jobs, clock: Clock) -> None:
        self._jobs = jobs
        self._clock = clock
        self._firing: Job | None = None

    async def schedule(self, kind: str, subject_id: UUID, due_at: datetime) -> None:
        """Set the timer, or move it if it is set. Its handler may set it again while it fires.

        Whoever schedules holds the lock of the subject; of two that do not, one wins.
        """
        identity = timer_id(kind, subject_id)
        if self._firing is not None and self._firing.id == identity:
            firing, self._firing = self._firing, None
            await self._jobs.retry(firing, max(due_at - self._clock.now(), timedelta()), counted=False)
            return
        await self._jobs.cancel([identity])
        args = {SUBJECT: str(subject_id)}
        await self._jobs.enqueue([NewJob(identity, QUEUE, kind, identity, args=args, run_at=due_at)])

    async def cancel(self, kind: str, subject_id: UUID) -> None:
        """Unset the timer; without effect if it is not set, or fires at this moment in this transaction."""
        await self._jobs.cancel([timer_id(kind, subject_id)], but=self._firing)

    @asynccontextmanager
    async def firing(self, job: Job) -> AsyncIterator[UUID]:
        """Yield the subject, and end the job unless the timer was set again. Raises LeaseLost.

        The job is locked last: others lock the subject first and then its timers.
        """
        self._firing = job
        yield UUID(job.args[SUBJECT])
        if self._firing is not None:
            await self._jobs.complete(job)
