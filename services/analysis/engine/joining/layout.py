"""Tells a long table (time, name of a sensor, value) from a wide one, which has a column per sensor."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..errors import TableError
from ..tables.config import ReadingConfig
from ..times.finding import TimeColumn
from ..times.names import plain

SERIES_NAMES = re.compile(
    r"\b(tag|tagname|tag name|name|series|signal|sensor|variable|point|point name|kanal|channel|messstelle|"
    r"parameter|metric|item|attribute|measurement|tagid|tag id|grossenname|variablenname)\b"
)
VALUE_NAMES = re.compile(r"^(value|wert|val|reading|messwert|valor|valeur|waarde|result|vvalue|num value)$")

MIN_UNIQUE, MIN_SHARED = 0.95, 0.5
"""Share of rows that are the only one of their time and series, and that share their time with another
series."""


@dataclass(frozen=True, slots=True)
class Long:
    """The columns of a long table: the names of the sensors, and their values."""

    series: str
    value: str


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
        return Long(reading.series_column, reading.value_column)
    used = set(time.columns) if time is not None else set()
    numbers = [
        name for name, kind in zip(header, kinds, strict=True) if kind == "number" and name not in used
    ]
    texts = [name for name, kind in zip(header, kinds, strict=True) if kind == "text" and name not in used]
    if time is None or len(numbers) != 1 or not texts:
        return None
    for name in texts:
        named = SERIES_NAMES.search(_words(name)) and VALUE_NAMES.search(_words(numbers[0]))
        if named or _shared(sample, time, name):
            return Long(name, numbers[0])
    return None


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
