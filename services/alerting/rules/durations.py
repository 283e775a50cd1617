"""Durations of ISO 8601, as rules write them."""

import re
from datetime import timedelta

# Durations have no years or months, whose length varies.
DURATION = re.compile(
    r"P(?=.)(?:(?P<weeks>\d{1,4})W)?(?:(?P<days>\d{1,5})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,6})H)?(?:(?P<minutes>\d{1,8})M)?(?:(?P<seconds>\d{1,9})S)?)?"
)


def to_timedelta(duration: str) -> timedelta:
    """Convert a valid ISO 8601 duration."""
    match = DURATION.fullmatch(duration)
    parts = match.groupdict() if match else {}
    return timedelta(**{unit: int(number) for unit, number in parts.items() if number})


def to_duration(length: timedelta) -> str:
    """The ISO 8601 duration of whole seconds."""
    days, seconds = length.days, length.seconds
    time = "".join(
        f"{number}{unit}"
        for number, unit in zip((seconds // 3600, seconds // 60 % 60, seconds % 60), "HMS", strict=True)
        if number
    )
    return "P" + (f"{days}D" if days else "") + (f"T{time}" if time else "") if days or time else "PT0S"
