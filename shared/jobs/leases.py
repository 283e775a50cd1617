"""The leases that a worker holds: who may go on, who waits for smaller jobs, and who has lost its job."""

import asyncio
import contextvars
import functools
import os
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import ParamSpec, TypeVar

from shared.jobs.queue import Job, LeaseLost, Size

# However many small jobs come, a large one goes on after each wait of this length: nobody starves.
MAX_WAIT_SECONDS = 1.0
# A large job reads ahead while it works on what was read.
MAX_LARGE_THREADS = 4
# A tenth of the processor for a thread that competes with one of normal priority.
LARGE_NICENESS = 10

P = ParamSpec("P")
T = TypeVar("T")


class Priority:
    """Large jobs of a process pause at their checkpoints while small ones run.

    Between two checkpoints a large job computes in threads of low priority, so that it takes what the small
    jobs, and everything else on the machine, leave.
    """

    def __init__(self, max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._threads = ThreadPoolExecutor(MAX_LARGE_THREADS, "large-job", _leave_the_processor)
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

    async def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What the function gives, run in a thread of low priority."""
        call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

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

    async def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self.job.size is Size.LARGE:
            return await self._priority.compute(function, *args, **kwargs)
        return await asyncio.to_thread(function, *args, **kwargs)

    def _check(self) -> None:
        if self.lost:
            raise LeaseLost(f"{self.job.kind} {self.job.subject_id}")


def _leave_the_processor() -> None:
    """Lower the priority of this thread. Only Linux knows threads of one process with different ones."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LARGE_NICENESS)
