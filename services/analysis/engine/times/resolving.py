"""Settles which column holds the times of a table: by configuration, by content, or as in the baseline."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from .finding import (
    MIN_READABLE,
    Doubt,
    TimeColumn,
    cells_of,
    configured,
    decided,
    find_time,
    missing,
    named_as_time,
)
from .formats import NOT_A_TIME, TimeFormat

Cells = Mapping[str, Sequence[Any]]


@dataclass(frozen=True, slots=True)
class TimeSettings:
    """What is known before a file is read: the configuration's settings, and how the baseline's times were
    read."""

    columns: tuple[str, ...] = ()
    format: str | None = None
    known: Mapping[str, Any] | None = None


def resolve(
    table: Cells, settings: TimeSettings, more: Callable[[], Iterable[Cells]] | None = None
) -> tuple[TimeColumn | None, Doubt | None]:
    """Return the time column of a table, given its first rows, and a doubt about the settings.

    Where the first rows leave the order of day and month open, `more` yields the following ones.
    """
    if settings.columns or settings.format:
        column, doubt = _configured(table, settings)
    else:
        column, doubt = find_time(table), None
    if column is not None and column.doubt is not None and more is not None:
        column = _settled(column, table, more())
    if settings.known and (column is None or column.doubt is not None or column.reason == "dots"):
        column = _as_before(table, settings.known) or column
    return column, doubt


def _configured(table: Cells, settings: TimeSettings) -> tuple[TimeColumn | None, Doubt | None]:
    absent = [name for name in settings.columns if name not in table]
    if absent:
        text = f"the times were not read, because time_column '{absent[0]}' is not among the columns"
        return None, Doubt(
            "time_column_absent", {"column": absent[0]}, f"{text}. Correct it, or leave it out"
        )
    if settings.columns:
        column = configured(settings.columns, settings.format, table)
    else:
        candidates = sorted(table, key=lambda name: not named_as_time(name))
        columns = (configured((name,), settings.format, table) for name in candidates)
        column = next((each for each in columns if each is not None and reads(each, table)), None)
    if column is not None and (column.doubt is not None or reads(column, table)):
        return column, None
    name = settings.columns[0] if settings.columns else None
    cells = next((str(cell) for cell in table.get(name or "", ()) if not missing(cell)), "")
    where = f"in '{name}', such as '{cells[:40]}'," if name else "of the file"
    how = f"with time_format '{settings.format}'" if settings.format else "as times"
    return None, Doubt(
        "times_not_as_configured",
        {"column": name, "format": settings.format, "cell": cells[:40]},
        f"the times {where} could not be read {how}. Correct time_column and time_format, or leave them out",
    )


def reads(column: TimeColumn, table: Cells) -> bool:
    """Tell whether a column's format reads its cells, apart from some damaged ones."""
    present = _present(cells_of(column, table))
    if not len(present):
        return False
    return float(np.mean(column.formats[0].parse(present).local != NOT_A_TIME)) >= MIN_READABLE


def _present(cells: pa.Array) -> pa.Array:
    return pa.array([cell for cell in cells.to_pylist() if not missing(cell)], pa.string())


def _settled(column: TimeColumn, table: Cells, more: Iterable[Cells]) -> TimeColumn:
    """Look at further rows until the order of day and month is decided; the last rows leave it as it is."""
    for part in more:
        if column.doubt is None or column.doubt.code != "time_order_ambiguous":
            break
        if all(name in part for name in column.columns):
            column = decided(
                TimeColumn(column.columns, column.formats), _present(cells_of(column.columns, part))
            )
    return column


def _as_before(table: Cells, known: Mapping[str, Any]) -> TimeColumn | None:
    names, text = tuple(known.get("time_column") or ()), known.get("time_format")
    if not names or not text or any(name not in table for name in names):
        return None
    column = TimeColumn(names, (TimeFormat(text),), "baseline")
    return column if reads(column, table) else None
