"""What a sign-in allows, where it came from, and how guessing is slowed."""

from datetime import timedelta

# Typing errors cost nothing; from then on every failure doubles the wait, up to a quarter of an hour.
FREE_FAILURES = 5
LONGEST_WAIT = timedelta(minutes=15)
# Failures are forgotten after a quiet day.
FAILURES_FORGOTTEN_AFTER = timedelta(days=1)


def wait_after(failures: int) -> timedelta:
    """How long the next try must wait after so many failures in a row."""
    if failures < FREE_FAILURES:
        return timedelta()
    # The exponent is bounded so that no count of failures overflows.
    return min(timedelta(seconds=2.0 ** min(failures - FREE_FAILURES, 16)), LONGEST_WAIT)
