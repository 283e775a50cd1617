"""Leases of running jobs, and the priority of small jobs over large ones within a worker."""

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

# A large job continues after waiting this long, so that a flood of small jobs cannot starve it.
MAX_WAIT_SECONDS = 1.0
# A large job reads ahead in one thread while others process what was read.
MAX_LARGE_THREADS = 2
# At this niceness a thread gets about a tenth of the core that it shares with a thread of normal priority.
LARGE_NICENESS = 10

P = ParamSpec("P")
T = TypeVar("T")


class Priority:
    """Pauses the large jobs of a process at their checkpoints while small jobs run.

    Between checkpoints a large job computes in threads of low priority, so that small jobs and other
    processes get the processor first.
    """

    def __init__(self, max_wait_seconds: float = MAX_WAIT_SECONDS) -> None:
        self._max_wait_seconds = max_wait_seconds
        self._threads = ThreadPoolExecutor(MAX_LARGE_THREADS, "large-job", _lower_priority)
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
        """Run the function in a thread of low priority and return its result."""
        call = functools.partial(contextvars.copy_context().run, function, *args, **kwargs)
        return await asyncio.get_running_loop().run_in_executor(self._threads, call)

    def close(self) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)

    @property
    def busy(self) -> bool:
        """Whether any small job is running."""
        return self._small > 0

    def wait(self) -> None:
        """Block until no small job is running, or the maximum wait has passed."""
        with self._idle:
            self._idle.wait_for(lambda: not self._small, self._max_wait_seconds)


class HeldLease:
    """The lease of one running job.

    The lease is measured from the moment at which the claim or heartbeat was sent, so that it never ends
    here later than in the database. If it is not renewed in time it counts as lost, because another worker
    may have claimed the job by then.
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
        self.started_at = monotonic()
        self._seconds = length.total_seconds()
        self._priority = priority
        self._monotonic = monotonic
        self._ends_at = sent_at + self._seconds
        self._lost = False
        # Whether the loss is in the log and the metrics already.
        self.reported = False

    @property
    def lost(self) -> bool:
        return self._lost or self._monotonic() >= self._ends_at

    def renewed(self, sent_at: float) -> None:
        self._ends_at = sent_at + self._seconds

    def lose(self) -> bool:
        """Mark the lease as lost; False if it was already marked."""
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


def _lower_priority() -> None:
    """Lower the priority of this thread. Only Linux has a priority per thread."""
    if sys.platform == "linux":
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), LARGE_NICENESS)
