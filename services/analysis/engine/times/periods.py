"""Lengths of time as texts: ISO 8601 durations such as PT1S, PT0.5S, PT15M, PT1H."""

from __future__ import annotations

import re

from ..errors import ConfigError
from .formats import SECOND

PERIOD = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:[.,]\d{1,6})?)S)?")
MAX_SECONDS = 24 * 3600


def period(text: str, field: str) -> int:
    """Return a length in microseconds, longer than zero and at most a day. Raises ConfigError for
    `field`."""
    found, where = PERIOD.fullmatch(text.strip().upper()), field
    if found is None or not any(found.groups()):
        raise ConfigError(f"{field} '{text}' is not a duration such as PT1S, PT1M or PT1H", field=where)
    hours, minutes, seconds = (float((each or "0").replace(",", ".")) for each in found.groups())
    micros = round((hours * 3600 + minutes * 60 + seconds) * SECOND)
    if not 0 < micros <= MAX_SECONDS * SECOND:
        raise ConfigError(f"{field} must be longer than zero and at most a day, but is {text}", field=where)
    return micros


def period_text(micros: int) -> str:
    """Return a length in microseconds as ISO 8601 text."""
    seconds = micros / SECOND
    if seconds >= 3600 and seconds % 3600 == 0:
        return f"PT{seconds / 3600:.0f}H"
    if seconds >= 60 and seconds % 60 == 0:
        return f"PT{seconds / 60:.0f}M"
    return f"PT{seconds:g}S"
