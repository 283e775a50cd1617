"""Finds the time column of a table by its content, and decides the order of day and month for the whole
column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from .cells import MAX_CHARACTERS, compact, formats_of
from .formats import (
    DAY,
    EPOCHS,
    EXCEL,
    NOT_A_TIME,
    SECOND,
    Moments,
    TimeFormat,
    numbers,
    texts,
)
from .names import plain, zone_offset

MIN_READABLE = 0.9
"""A column with fewer readable cells is not a column of times (a tenth may be damaged)."""

SAMPLED_SHAPES = 20
"""Cells that suggest formats. A column has one or two shapes; more are looked at to get past damaged
cells."""

EPOCH_FROM, EPOCH_TO = 946_684_800, 2_208_988_800
"""Seconds: 2000 and 2040. Integers in this range that only grow are times; others may be anything."""

EXCEL_FROM, EXCEL_TO = 32_874, 51_136
"""Serials of 1990 and 2040. Ordinary measurements lie there, too, so the name of the column must agree."""

TIME_NAMES = re.compile(
    r"\b(date|datum|data|fecha|time|zeit|uhrzeit|zeitpunkt|zeitstempel|hora|heure|tid|tijd|ora|czas|timestamp|"
    r"datetime|date_?time|t_?stamp|ts|stamp|utc|epoch|unix|when)\b"
)
MISSING = frozenset({"", "nan", "nat", "null", "none", "na", "n/a", "-", "--"})


@dataclass(frozen=True, slots=True)
class Doubt:
    """A question that the file leaves open: a stable code, its parameters, and English text."""

    code: str
    params: Mapping[str, object]
    text: str


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """The column (or the two columns, date and time of day) of a table's times, and the formats that fit.

    More than one format means that day and month cannot be told apart yet. `reason` says how the order was
    decided: `written` (no other order is possible), `dots`, `days_above_12`, `continuity` or `configured`.
    """

    columns: tuple[str, ...]
    formats: tuple[TimeFormat, ...]
    reason: str = "written"
    doubt: Doubt | None = None

    @property
    def name(self) -> str:
        """The column that a sample's time is kept under."""
        return self.columns[0]


def cells_of(column: TimeColumn | tuple[str, ...], table: Mapping[str, Sequence[object]]) -> pa.Array:
    """Return the cells of the time column; date and time of day are joined by a blank."""
    names = column.columns if isinstance(column, TimeColumn) else column
    if len(names) == 1:
        return texts(table[names[0]])
    pairs = zip(*(table[name] for name in names), strict=True)
    return texts(
        [
            None if missing(date) else f"{date} {'' if missing(clock) else clock}".strip()
            for date, clock in pairs
        ]
    )


def missing(cell: object) -> bool:
    """Whether a cell holds no time."""
    return cell is None or (isinstance(cell, str) and cell.strip().lower() in MISSING)


def find_time(table: Mapping[str, Sequence[object]]) -> TimeColumn | None:
    """Return the time column of a table's first rows, given as cells by column; None if there is none.

    Of several columns, the one whose name says so comes first, then the first one in the file.
    """
    found = [candidate for name, cells in table.items() if (candidate := recognise(name, cells)) is not None]
    whole = [each for each in found if each.formats[0].has_date and each.formats[0].has_clock]
    dates = [each for each in found if each.formats[0].has_date and not each.formats[0].has_clock]
    clocks = [each for each in found if not each.formats[0].has_date]
    if whole:
        return max(whole, key=lambda each: (named_as_time(each.name), not each.formats[0].numeric))
    if dates and clocks:
        return _joined(dates[0], clocks[0], table)
    if dates:
        return dates[0]
    return clocks[0] if clocks else None


def named_as_time(name: str) -> bool:
    """Whether a column's name says that it holds times; a column without a name may."""
    words = re.sub(r"([a-z])([A-Z])", r"\1 \2", name)
    words = re.sub(r"[^a-z0-9]+", " ", plain(words)).strip()
    return not words or words in ("index level 0", "unnamed 0", "column 1") or bool(TIME_NAMES.search(words))


def recognise(name: str, cells: Sequence[object]) -> TimeColumn | None:
    """Return a column's formats if its cells are times."""
    first = next((str(cell) for cell in cells if not missing(cell)), None)
    if first is None or not _may_be_a_time(name, first):
        return None
    present = [str(cell) for cell in cells if not missing(cell)]
    values = numbers(texts(present))
    if np.isfinite(values).mean() >= MIN_READABLE and not all(
        compact(each) for each in present[:SAMPLED_SHAPES]
    ):
        return _numeric(name, values[np.isfinite(values)])
    for cell in present[:SAMPLED_SHAPES]:
        formats, zone = formats_of(cell)
        if zone is not None and zone_offset(zone) is None:
            if formats:
                literal = formats[0].replace("%z", zone)
                return TimeColumn(
                    (name,), tuple(map(TimeFormat, formats)), doubt=_unknown_zone(name, zone, literal)
                )
            continue
        fitting = _fitting(formats, texts(present))
        if fitting:
            reason = "written" if len(formats) == 1 else "days_above_12"
            return decided(TimeColumn((name,), fitting, reason), texts(present))
    return None


def _may_be_a_time(name: str, cell: str) -> bool:
    """Rule out most measurements by one cell: a table has up to thousands of columns."""
    if len(cell) > MAX_CHARACTERS or not any(character.isdigit() for character in cell):
        return False
    try:
        value = float(cell)
    except ValueError:
        return True
    if compact(cell) or (EXCEL_FROM <= value <= EXCEL_TO and named_as_time(name)):
        return True
    return any(EPOCH_FROM <= value * micros / SECOND <= EPOCH_TO for micros in EPOCHS.values())


def decided(column: TimeColumn, cells: pa.Array) -> TimeColumn:
    """Return the column with the formats that remain after looking at more of its cells.

    Cells that only one order can read decide. If there are such cells for both orders, or none, steps that
    are even in one order and jump between months in the other decide; otherwise the question stays open.
    """
    if len(column.formats) < 2:
        return column
    orders = [each.parse(cells).local for each in column.formats]
    alone = [
        int(np.sum((mine != NOT_A_TIME) & np.all([o == NOT_A_TIME for o in orders if o is not mine], axis=0)))
        for mine in orders
    ]
    decisive = [place for place, count in enumerate(alone) if count]
    if len(decisive) == 1:
        only = column.formats[decisive[0]]
        # Damaged cells may fit one order by chance: the order must read what the other one reads, too.
        return TimeColumn(column.columns, (only,), "days_above_12")
    if len(decisive) > 1:
        return _with_doubt(column, "time_order_mixed")
    even = [place for place, moments in enumerate(orders) if _even(moments)]
    jumping = [place for place, moments in enumerate(orders) if _jumps(moments)]
    if len(even) == 1 and len(jumping) == len(orders) - 1 and even[0] not in jumping:
        return TimeColumn(column.columns, (column.formats[even[0]],), "continuity")
    if {each.text[2] for each in column.formats} == {"."}:
        # Wherever dates are written with dots, the day comes before the month (CLDR 46, all locales).
        return TimeColumn(column.columns, column.formats[:1], "dots")
    return _with_doubt(column, "time_order_ambiguous")


def _even(moments: Moments) -> bool:
    """Whether times pass from one day to the next with the step that they have within a day."""
    moments = moments[moments != NOT_A_TIME]
    steps = np.diff(moments)
    if len(steps) < 3:
        return False
    usual = np.median(steps)
    crossing = steps[np.diff(moments // DAY) != 0]
    return bool(
        usual > 0 and usual < DAY and crossing.size and np.median(np.abs(crossing - usual)) < usual / 2
    )


def _jumps(moments: Moments) -> bool:
    """Whether times pass from one day to another by weeks."""
    moments = moments[moments != NOT_A_TIME]
    crossing = np.diff(moments // DAY)
    crossing = crossing[crossing != 0]
    return bool(crossing.size and np.min(np.abs(crossing)) >= 14)


def _numeric(name: str, values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> TimeColumn | None:
    grows = len(values) < 2 or float(np.mean(np.diff(values) >= 0)) >= MIN_READABLE
    if not grows or (len(values) > 1 and values[0] == values[-1]):
        return None
    low, high = float(values.min()), float(values.max())
    for text, micros in EPOCHS.items():
        unit = 1_000_000 / micros
        if (
            EPOCH_FROM * unit <= low
            and high <= EPOCH_TO * unit
            and (text != "epoch_s" or named_as_time(name))
        ):
            return TimeColumn((name,), (TimeFormat(text),))
    if low >= EXCEL_FROM and high <= EXCEL_TO and named_as_time(name):
        return TimeColumn((name,), (TimeFormat(EXCEL),))
    return None


def _fitting(formats: Sequence[str], cells: pa.Array) -> tuple[TimeFormat, ...]:
    """Return the formats that read the cells together: each reads some of them, and all of them most."""
    read: list[tuple[TimeFormat, np.ndarray[tuple[int], np.dtype[np.bool_]]]] = []
    for text in formats:
        candidate = TimeFormat(text)
        good = candidate.parse(cells).local != NOT_A_TIME
        if good.any():
            read.append((candidate, good))
    if not read or np.mean(np.any([good for _, good in read], axis=0)) < MIN_READABLE:
        return ()
    most = max(int(good.sum()) for _, good in read)
    return tuple(candidate for candidate, good in read if good.sum() > most // 10 or len(read) == 1)


def _joined(date: TimeColumn, clock: TimeColumn, table: Mapping[str, Sequence[object]]) -> TimeColumn:
    formats = tuple(TimeFormat(f"{one.text} {two.text}") for one in date.formats for two in clock.formats[:1])
    column = TimeColumn((date.name, clock.name), formats, date.reason, date.doubt or clock.doubt)
    # Steps across midnight need the time of day.
    return decided(column, cells_of(column, table)) if len(formats) > 1 else column


def _with_doubt(column: TimeColumn, code: str) -> TimeColumn:
    names = " and ".join(f"'{name}'" for name in column.columns)
    offers = [each.text for each in column.formats]
    text = (
        f"the times in {names} were not read, because day and month cannot be told apart"
        if code == "time_order_ambiguous"
        else f"the times in {names} were not read, because some cells have the day first and others the month"
    )
    params = {"columns": list(column.columns), "formats": offers}
    return TimeColumn(
        column.columns,
        column.formats,
        column.reason,
        Doubt(code, params, f"{text}. Set time_format to one of {', '.join(offers)}"),
    )


def _unknown_zone(name: str, zone: str, literal: str) -> Doubt:
    return Doubt(
        "time_zone_unknown",
        {"columns": [name], "zone": zone, "formats": [literal]},
        f"the times in '{name}' were not read, because '{zone}' names several time zones or none. Set"
        " time_format to"
        f" '{literal}', and time_zone to the zone that is meant, for example Europe/Berlin",
    )


def configured(
    columns: Sequence[str], format_text: str | None, table: Mapping[str, Sequence[object]]
) -> TimeColumn | None:
    """Return the time column that a configuration names, with its format or the one found in its cells."""
    if format_text is not None:
        return TimeColumn(tuple(columns), (TimeFormat(format_text),), "configured")
    if len(columns) == 1:
        return recognise(columns[0], table[columns[0]])
    parts = [recognise(name, table[name]) for name in columns]
    if any(part is None for part in parts) or len(parts) != 2:
        return None
    first, second = (part for part in parts if part is not None)
    return _joined(first, second, table)
