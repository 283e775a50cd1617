"""How guessing passwords is slowed down."""

from datetime import timedelta

# Typing errors have no consequence. From then on each failure doubles the wait, up to a quarter of an hour.
FREE_FAILURES = 5
# An IPv6 /56 is what many providers give one home or plant: its networks may hold several people.
FREE_FAILURES_OF_SITE = 20
# Over all networks together. From then on about a hundred guesses a day are left, for everybody in the world.
FREE_FAILURES_OF_ACCOUNT = 30
# The codes of an authenticator app have six digits, three of which are right at any time.
FREE_FAILURES_OF_CODES = 10
MAX_WAIT = timedelta(minutes=15)
# After a day without a failure, counting starts again.
FAILURES_EXPIRE_AFTER = timedelta(days=1)


def wait_after(failures: int, free: int = FREE_FAILURES) -> timedelta:
    """How long the next attempt must wait after this number of consecutive failures; some are free."""
    if failures < free:
        return timedelta()
    # The bound on the exponent prevents an overflow.
    return min(timedelta(seconds=2.0 ** min(failures - free, 16)), MAX_WAIT)
