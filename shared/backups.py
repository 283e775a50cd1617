"""How long backups are kept. The program `backup` keeps them, and a deletion's certificate quotes it."""

from datetime import datetime, timedelta

KEEP_DAILY = 7
KEEP_WEEKLY = 4
KEEP_MONTHLY = 12


def expires(now: datetime) -> datetime:
    """When the last backup that holds today's data is deleted: a monthly one, in its thirteenth month."""
    return now + timedelta(days=31 * (KEEP_MONTHLY + 1))
