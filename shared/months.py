"""Which times can be, and in which month they lie. Tables with rows of many years are partitioned by it."""

from datetime import UTC, date, datetime, timedelta

# No machine that is monitored today was measured before.
EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
# Local times without a time zone are read as UTC, and lie up to 14 hours ahead of it.
MAX_AHEAD = timedelta(days=1)


def plausible(time: datetime, now: datetime) -> bool:
    """Whether something that is known `now` can have happened at this time."""
    return EARLIEST <= time <= now + MAX_AHEAD


def month_of(time: datetime) -> date:
    """The first day of the month (UTC) in which the time lies."""
    return time.astimezone(UTC).date().replace(day=1)
