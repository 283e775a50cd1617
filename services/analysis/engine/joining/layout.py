"""Tells a long table (time, name of a sensor, value) from a wide one, which has a column per sensor."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ..errors import TableError
from ..tables.cells import WORDS
from ..tables.config import ReadingConfig
from ..times.finding import TimeColumn
from ..times.names import plain

SERIES_NAMES = re.compile(
    r"\b(tag|tagname|tag name|name|series|signal|sensor|variable|point|point name|kanal|channel|messstelle|"
    r"parameter|metric|item|attribute|measurement|tagid|tag id|grossenname|variablenname)\b"
)
QUALITY_NAMES = re.compile(
    r"\b(quality|qualities|qual|qualitae?t|qualite|calidad|opc quality|status|status code|valid|validity)\b"
)
VALUE_NAMES = re.compile(r"^(value|wert|val|reading|messwert|valor|valeur|waarde|result|vvalue|num value)$")

MIN_GOOD, MAX_CODE = 192, 255
"""Codes of good quality in OPC Data Access 3.0, section 6.8: the two highest of eight bits are set."""

MIN_UNIQUE, MIN_SHARED = 0.95, 0.5
"""Share of rows that are the only one of their time and series, and that share their time with another
series."""


@dataclass(frozen=True, slots=True)
class Long:
    """The columns of a long table: the names of the sensors, their values, and how good those are.

    `codes` tells that the quality is that of OPC: 192 and more is good, less uncertain, below 64 bad.
    """

    series: str
    value: str
    quality: str | None = None
    codes: bool = False

    def is_bad(self, quality: str) -> bool:
        """Tell whether a value of this quality was not measured."""
        if self.codes and quality.isascii() and quality.isdecimal():
            return int(quality) < MIN_GOOD
        return bool(quality) and WORDS.is_missing(quality)


def long_layout(
    header: Sequence[str],
    kinds: Sequence[str],
    sample: Mapping[str, Sequence[object]],
    time: TimeColumn | None,
    reading: ReadingConfig,
    *,
    file: str,
) -> Long | None:
    """Return the columns of a long table, None for a wide one. Raises TableError if the configured ones are
    absent.

    A table is long if the configuration says so, if rows of one time differ in their only text column and
    have one number, or if both columns are named as the exports of historians name them.
    """
    if reading.series_column is not None and reading.value_column is not None:
        for field, name in (("series_column", reading.series_column), ("value_column", reading.value_column)):
            if name not in header:
                raise TableError(
                    f"{field} '{name}' is not among the {len(header)} columns. Correct it in the"
                    " configuration",
                    file=file,
                    column=name,
                    code="column_absent",
                    params={"field": field, "column": name},
                )
        return _with_quality(Long(reading.series_column, reading.value_column), header, sample)
    used = set(time.columns) if time is not None else set()
    numbers = [
        name
        for name, kind in zip(header, kinds, strict=True)
        if kind == "number" and name not in used and not QUALITY_NAMES.search(_words(name))
    ]
    texts = [
        name
        for name, kind in zip(header, kinds, strict=True)
        if kind == "text" and name not in used and not QUALITY_NAMES.search(_words(name))
    ]
    if time is None or len(numbers) != 1 or not texts:
        return None
    for name in texts:
        named = SERIES_NAMES.search(_words(name)) and VALUE_NAMES.search(_words(numbers[0]))
        if named or _shared(sample, time, name):
            return _with_quality(Long(name, numbers[0]), header, sample)
    return None


def _with_quality(found: Long, header: Sequence[str], sample: Mapping[str, Sequence[object]]) -> Long:
    """Add the column that says how good the values are, if its cells are known words or codes."""
    for name in header:
        if name in (found.series, found.value) or not QUALITY_NAMES.search(_words(name)):
            continue
        cells = {text for cell in sample[name] if (text := str(cell if cell is not None else "").strip())}
        if cells and all(each.isascii() and each.isdecimal() and int(each) <= MAX_CODE for each in cells):
            if any(int(each) >= MIN_GOOD for each in cells):
                return replace(found, quality=name, codes=True)
        elif any(WORDS.is_missing(each) or each.casefold().startswith("good") for each in cells):
            return replace(found, quality=name)
    return found


def _words(name: str) -> str:
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    return re.sub(r"[^a-z0-9]+", " ", plain(spaced)).strip()


def _shared(sample: Mapping[str, Sequence[object]], time: TimeColumn, series: str) -> bool:
    """Whether most rows share their time with another series, but hardly any both."""
    at = list(zip(*(sample[name] for name in time.columns), strict=True))
    names = list(sample[series])
    if len(at) < 4 or len(set(names)) < 2:
        return False
    series_at: defaultdict[object, set[object]] = defaultdict(set)
    for moment, name in zip(at, names, strict=True):
        series_at[moment].add(name)
    unique = len(set(zip(at, names, strict=True))) / len(at)
    shared = sum(len(series_at[moment]) > 1 for moment in at) / len(at)
    return unique >= MIN_UNIQUE and shared >= MIN_SHARED
