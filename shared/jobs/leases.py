"""The leases that a worker holds: who may go on, who waits for smaller jobs, and who has lost its job."""

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta

from shared.jobs.queue import Job, LeaseLost, Size

# However many small jobs come, a large one goes on after each wait of this length: nobody starves.
MAX_WAIT_SECONDS = 1.0


class Priority:
    """Large jobs of a process pause while small ones run, so that both share one core's worth of work."""

    def __init__(self, max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._small = 0
        self._idle = threading.Condition()

    def begin(self, size: Size) -> None:
        if size is Size.SMALL:
            with self._idle:
                self._small += 1

    def end(self, size: Size) -> None:
        if size is Size.SMALL:
            with self._idle:
                self._small -= 1
                self._idle.notify_all()

    @property
    def busy(self) -> bool:
        """Whether small jobs run."""
        return self._small > 0

    def wait(self) -> None:
        """Return once no small job runs, or after a bounded time."""
        with self._idle:
            self._idle.wait_for(lambda: not self._small, self._max_wait_seconds)


class HeldLease:
    """The lease of one running job.

    It is counted from the moment at which the claim or the heartbeat was sent, so that it ends here no later
    than in the database. A job whose lease could not be renewed in time counts as lost, because
    another worker may have it by then.
    """

    def __init__(
        self,
        job: Job,
        length: timedelta,
        priority: Priority,
        *,
        sent_at: float,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.job = job
        self.begun_at = monotonic()
        self._seconds = length.total_seconds()
        self._priority = priority
        self._monotonic = monotonic
        self._ends_at = sent_at + self._seconds
        self._lost = False

    @property
    def lost(self) -> bool:
        return self._lost or self._monotonic() >= self._ends_at

    def renewed(self, sent_at: float) -> None:
        self._ends_at = sent_at + self._seconds

    def lose(self) -> bool:
        """Note that the lease is lost; False when that was known."""
        known, self._lost = self._lost, True
        return not known

    def checkpoint(self) -> None:
        if self.job.size is Size.LARGE:
            self._priority.wait()
        self._check()

    async def turn(self) -> None:
        if self.job.size is Size.LARGE and self._priority.busy:
            await asyncio.to_thread(self._priority.wait)
        self._check()

    def _check(self) -> None:
        if self.lost:
            raise LeaseLost(f"{self.job.kind} {self.job.subject_id}")
