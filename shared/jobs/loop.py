"""The loop in which everything that runs forever runs.

It survives every error of its step: it logs and counts the error, waits, and tries again. If a step keeps
failing, the readiness check fails until the step succeeds again.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog
from opentelemetry import metrics

from shared.errors import Unavailable
from shared.jobs.retry import RetryPolicy

# A failover takes seconds. A service that fails for longer should not receive requests.
UNREADY_AFTER_SECONDS = 30.0
# A loop never gives up, so the number of attempts is practically unbounded.
RETRY = RetryPolicy(
    max_attempts=2**31, first_delay=timedelta(seconds=0.5), max_delay=timedelta(seconds=5), factor=2.0
)

logger = structlog.get_logger(__name__)


class Loop:
    """Repeats `step` until cancelled, with a pause of `every` seconds after each success.

    A step is either a short round of work or a session that lasts until something fails. A session calls
    `succeeded` as soon as it works.
    """

    def __init__(
        self,
        name: str,
        step: Callable[[], Awaitable[object]],
        *,
        every: float = 0.0,
        retry: RetryPolicy = RETRY,
        unready_after: float = UNREADY_AFTER_SECONDS,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self._step = step
        self._every = every
        self._retry = retry
        self._unready_after = unready_after
        self._monotonic = monotonic
        self._failures = 0
        self._failing_since: float | None = None
        self._last_error = ""
        meter = metrics.get_meter("dinsight.loop")
        self._counter = meter.create_counter("dinsight_loop_failures", "1", "Failed steps of endless loops")
        self._failing = meter.create_gauge(
            "dinsight_loop_failing", "s", "How long an endless loop has been failing; 0 while it works"
        )

    async def run(self) -> None:
        """Repeat the step until cancelled."""
        while True:
            try:
                await self._step()
            except asyncio.CancelledError as error:
                # A client library may raise CancelledError for its own tasks while this task goes on.
                if (task := asyncio.current_task()) is None or task.cancelling():
                    raise
                await self._failed(error)
            except Exception as error:  # the loop must survive every error
                await self._failed(error)
            else:
                self.succeeded()
                await asyncio.sleep(self._every)

    def succeeded(self) -> None:
        """Record that the step works."""
        if self._failing_since is not None:
            logger.info("loop recovered", loop=self.name, failures=self._failures)
            self._failing.set(0.0, {"loop": self.name})
        self._failures, self._failing_since, self._last_error = 0, None, ""

    async def check(self) -> None:
        """Readiness check: raise Unavailable if the step has been failing for a long time."""
        if self._failing_since is None:
            return
        failing = self._monotonic() - self._failing_since
        if failing >= self._unready_after:
            raise Unavailable(f"{self.name} has been failing for {failing:.0f} s: {self._last_error}")

    async def _failed(self, error: BaseException) -> None:
        now = self._monotonic()
        self._failing_since = now if self._failing_since is None else self._failing_since
        self._failures += 1
        self._last_error = f"{type(error).__name__}: {error}"
        delay = self._retry.delay(self._failures).total_seconds()
        self._counter.add(1, {"loop": self.name, "error": type(error).__name__})
        self._failing.set(now - self._failing_since, {"loop": self.name})
        # Only the first failure of an outage is logged with its traceback.
        logger.warning(
            "loop failed, trying again",
            loop=self.name,
            failures=self._failures,
            error=self._last_error,
            retry_in=round(delay, 2),
            exc_info=error if self._failures == 1 else None,
        )
        await asyncio.sleep(delay)
