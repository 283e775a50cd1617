"""The retry policy: exponential backoff with full jitter, and bounds on attempts and delays."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

# 2**32 times any delay exceeds every maximum. Larger powers would only overflow.
MAX_EXPONENT = 32


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """The maximum number of attempts, and the delays between them.

    Full jitter (delays are uniform between zero and the bound) spreads the attempts of many clients best;
    see M. Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.
    """

    max_attempts: int
    first_delay: timedelta
    max_delay: timedelta
    factor: float = 2.0

    def bound(self, attempt: int) -> timedelta:
        """The maximum delay after failed attempt number `attempt` (from 1)."""
        growth = self.factor ** min(max(0, attempt - 1), MAX_EXPONENT)
        return timedelta(
            seconds=min(self.first_delay.total_seconds() * growth, self.max_delay.total_seconds())
        )

    def delay(self, attempt: int, jitter: Callable[[], float] = random.random) -> timedelta:
        """A random delay after failed attempt number `attempt` (from 1). `jitter` returns 0..1."""
        return self.bound(attempt) * jitter()

    def is_last(self, attempt: int) -> bool:
        """Whether attempt number `attempt` (from 1) is the last one."""
        return attempt >= self.max_attempts
