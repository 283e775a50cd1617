"""When nightly work is due: once after each passing of an hour of the day, also when that was missed."""

from datetime import datetime, timedelta

from shared.jobs.retry import RetryPolicy

# Heavy work that failed is not repeated every few seconds.
RETRY = RetryPolicy(2**31, first_delay=timedelta(minutes=1), max_delay=timedelta(hours=1), factor=4.0)


def latest_night(now: datetime, hour: int) -> datetime:
    """The last time that the clock showed this hour of UTC. `now` is in UTC."""
    tonight = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    return tonight if tonight <= now else tonight - timedelta(days=1)


def is_due(now: datetime, last: datetime | None, hour: int) -> bool:
    """Whether work that was last begun at `last` (None: never) is to be done again."""
    return last is None or last < latest_night(now, hour)
