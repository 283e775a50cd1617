"""The delay before a program that keeps exiting is restarted."""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class Backoff:
    """Doubling delays up to a maximum, with jitter so that programs do not all restart together."""

    first_s: float = 0.2
    longest_s: float = 10.0
    # A program that was ready this long is healthy: its next death starts from the first wait again.
    healthy_after_s: float = 30.0

    def wait(self, failures: int, rng: random.Random) -> float:
        """Return the delay before the next start after this many consecutive failures (1 or more)."""
        # Beyond 2^16 the bound holds anyway; the exponent is kept small so that it cannot overflow.
        full = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, 16))
        return full * rng.uniform(0.5, 1.0)
