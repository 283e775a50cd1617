"""When something ends, as forms ask for it: after a while, at a moment on the wall clock, or never."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

LENGTHS: Mapping[str, timedelta] = {
    "PT1H": timedelta(hours=1),
    "PT4H": timedelta(hours=4),
    "PT8H": timedelta(hours=8),
    "P1D": timedelta(days=1),
    "P3D": timedelta(days=3),
    "P7D": timedelta(days=7),
    "P30D": timedelta(days=30),
}
UNTIL, NEVER = "until", "never"
CHOICES: Sequence[str] = tuple(LENGTHS)


def end_of(fields: Mapping[str, str], now: datetime) -> str | None:
    """From the fields `ends`, `ends_at` and `time_zone`: a time as the API takes it, None for never."""
    chosen = fields.get("ends", "")
    if chosen == NEVER:
        return None
    if chosen in LENGTHS:
        return (now + LENGTHS[chosen]).isoformat()
    return moment(fields.get("ends_at", ""), fields.get("time_zone", ""))


def moment(wall_clock: str, time_zone: str) -> str:
    """A browser's datetime-local as a moment. The API says what is wrong with one that cannot be."""
    try:
        return datetime.fromisoformat(wall_clock).replace(tzinfo=ZoneInfo(time_zone or "UTC")).isoformat()
    except (KeyError, ValueError, OSError):
        return wall_clock
