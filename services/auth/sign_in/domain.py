"""How guessing passwords is slowed down."""

from datetime import timedelta

# Typing errors have no consequence. From then on each failure doubles the wait, up to a quarter of an hour.
FREE_FAILURES = 5
MAX_WAIT = timedelta(minutes=15)
# After a day without a failure, counting starts again.
FAILURES_EXPIRE_AFTER = timedelta(days=1)


def wait_after(failures: int) -> timedelta:
    """How long the next attempt must wait after this number of consecutive failures."""
    if failures < FREE_FAILURES:
        return timedelta()
    # The bound on the exponent prevents an overflow.
    return min(timedelta(seconds=2.0 ** min(failures - FREE_FAILURES, 16)), MAX_WAIT)
