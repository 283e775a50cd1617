"""ISO 8601 durations, such as the API writes them, in the words of a language."""

import re

from babel import Locale
from babel.units import format_unit

UNITS = ("week", "day", "hour", "minute", "second")
PATTERN = re.compile(r"P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)(?:\.\d+)?S)?)?")


def duration(text: str, locale: Locale) -> str:
    """`P1DT12H` as "1 day, 12 hours"; what is not such a duration stays as it is."""
    found = PATTERN.fullmatch(text)
    if found is None or not any(found.groups()):
        return text
    given = [(int(number or 0), unit) for number, unit in zip(found.groups(), UNITS, strict=True)]
    shown = [each for each in given if each[0]] or [(0, "second")]
    return ", ".join(format_unit(number, f"duration-{unit}", locale=locale) for number, unit in shown)
