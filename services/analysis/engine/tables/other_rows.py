"""Rows of a table that are no samples: its header or units again, and totals at its end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
from numpy.typing import NDArray

from .cells import kind_of
from .columns import Value
from .metadata import texts
from .mixed import is_mixed, parts
from .sheet import Batch, Sheet
from .understood import LeftOut
from .words import TOTALS

Floats = NDArray[np.float64]
Entries = list[dict[str, Value]]

FIGURES = {
    **dict.fromkeys(("min", "minimum"), "smallest"),
    **dict.fromkeys(("max", "maximum"), "largest"),
    **dict.fromkeys(("count", "anzahl", "n"), "counts"),
}
"""Words that may be the name of a sample, too: a row of them has these figures of all rows above."""

MAX_TOTALS = 10
"""Rows of totals at the end of a table."""

STEP_ROWS = 64
MIN_SUMMED_ROWS = 3
SUM_TOLERANCE = 1e-3
"""Sums are often made of unrounded values."""


class Headers:
    """Leaves out rows that repeat the names of the columns, or their units, in whatever form."""

    def __init__(self, sheet: Sheet, places: Sequence[int | None], left_out: list[LeftOut]) -> None:
        self._sheet, self._left_out = sheet, left_out
        named = sheet.header_row is not None and all(kind_of(name) == "text" for name in sheet.header)
        units = tuple(unit.strip() for unit in sheet.understood.units)
        worded = len(units) == len(sheet.header) and any(kind_of(unit) == "text" for unit in units)
        self._rows = {"header": sheet.header} if named else {}
        if worded:
            self._rows["units"] = units
        present = [place for place in places if place is not None]
        # Where to look first: a column whose unit is a word.
        self._place = next((place for place in present if worded and units[place]), present[0])
        self._words = pa.array(sorted({row[self._place] for row in self._rows.values()}), pa.string())

    def without(self, batch: Batch) -> Batch:
        """Return the batch without such rows."""
        column = batch.columns[self._place]
        if is_mixed(column):
            column = parts(column)[1]
        if batch.numbers is not None or not self._rows or not pa.types.is_string(column.type):
            return batch
        hits = compute.is_in(compute.utf8_trim_whitespace(column), value_set=self._words)
        keep = np.ones(batch.rows, dtype=np.bool_)
        for row in np.flatnonzero(hits.to_numpy(zero_copy_only=False)):
            one = batch.part(int(row), int(row) + 1)
            cells = tuple((texts(one, place)[0] or "").strip() for place in range(len(batch.columns)))
            said = next((said for said, row in self._rows.items() if _same(cells, row)), None)
            if said is not None:
                keep[row] = False
                self._left_out.append(
                    LeftOut(
                        self._sheet.name,
                        batch.locate(int(row)),
                        "repeated_header" if said == "header" else "repeated_units",
                        f"the line repeats the {said}",
                    )
                )
        if keep.all():
            return batch
        rows, mask = np.flatnonzero(keep), pa.array(keep)
        columns = [each.filter(mask) for each in batch.columns]
        return Batch(columns, batch.first_row, lambda row: batch.locate(int(rows[row])), batch.text)


def _same(cells: Sequence[str], row: Sequence[str]) -> bool:
    """Tell whether cells are a header's; a nameless column has a name there, and no cell here."""
    return all(
        cell == name or (not cell and name == f"column_{place}")
        for place, (cell, name) in enumerate(zip(cells, row, strict=True), start=1)
    )


@dataclass(frozen=True, slots=True)
class Located:
    """Features (m, d) and metadata of successive rows, and where each is in the file."""

    features: Floats
    entries: Entries
    locate: Callable[[int], int]


@dataclass(slots=True)
class _Seen:
    """What the rows so far come to, per feature."""

    rows: int = 0
    figures: dict[str, Floats] = field(default_factory=dict)

    # The sum of the largest numbers is infinite, and so equal to no row.
    @np.errstate(over="ignore", invalid="ignore")
    def add(self, features: Floats) -> None:
        if not len(features):
            return
        self.rows += len(features)
        sums: Floats = np.ones(len(features)) @ features
        counts: Floats | float = float(len(features))
        if np.isnan(sums).any():
            sums = np.nansum(features, axis=0)
            counts = np.count_nonzero(~np.isnan(features), axis=0).astype(np.float64)
        for name, begin, figures, together in (
            ("smallest", np.inf, _reduced(np.fmin, features), np.fmin),
            ("largest", -np.inf, _reduced(np.fmax, features), np.fmax),
            ("counts", 0.0, counts, np.add),
            ("sums", 0.0, sums, np.add),
        ):
            self.figures[name] = together(self.figures.get(name, begin), figures)

    @np.errstate(over="ignore", invalid="ignore")
    def is_sum(self, values: Floats) -> bool:
        known = np.isfinite(values)
        return (
            self.rows >= MIN_SUMMED_ROWS
            and bool(np.any(values[known] != 0))
            and bool(np.allclose(values[known], self.figures["sums"][known], rtol=SUM_TOLERANCE, atol=0))
        )

    def has(self, values: Floats, figure: str) -> bool:
        known = np.isfinite(values)
        return bool(known.any()) and bool(
            np.all(values[known] == np.broadcast_to(self.figures[figure], values.shape)[known])
        )


def _reduced(function: np.ufunc, features: Floats) -> Floats:
    """Reduce rows (m, d) to one (d,). NumPy is slow if d is small, and fast in two steps."""
    rows, width = features.shape
    whole = rows - rows % STEP_ROWS
    first: Floats = (
        function.reduce(features[:whole].reshape(-1, STEP_ROWS * width), axis=0) if whole else features
    )
    rest: Floats = np.concatenate([first.reshape(-1, width), features[whole:]])
    found: Floats = function.reduce(rest, axis=0)
    return found


def without_totals(
    table: Iterator[Located], file: str, left_out: list[LeftOut]
) -> Iterator[tuple[Floats, Entries]]:
    """Leave out what a table ends with if it is totals: rows called so, or one without a name that is the
    sum.

    The last part is held back until the table has ended.
    """
    held: Located | None = None
    seen = _Seen()
    for part in table:
        if not part.entries:
            continue
        if held is not None:
            seen.add(held.features)
            yield held.features, held.entries
        held = part
    if held is None:
        return
    end = _begin_of_totals(held, seen)
    for row in range(end, len(held.entries)):
        name = _text(held.entries[row])
        said = f"'{name}' says that the row is a total" if name else "the row is the sum of all others"
        left_out.append(LeftOut(file, held.locate(row), "totals", said))
    yield held.features[:end], held.entries[:end]


def _begin_of_totals(held: Located, seen: _Seen) -> int:
    """Return where the totals begin in the last part of a table; its length if it has none."""
    names = [_name(entry) for entry in held.entries]
    rows = begin = len(names)
    while begin and rows - begin < MAX_TOTALS and (names[begin - 1] in TOTALS or names[begin - 1] in FIGURES):
        begin -= 1
    if begin == rows:
        begin -= (
            not names[-1]
            and rows > 1
            and all(names[:-1])
            and all(value is None for value in held.entries[-1].values())
        )
    if begin == rows or not (begin or seen.rows):
        return rows
    if any(name in TOTALS or name in FIGURES for name in names[:begin]):
        return rows  # here samples are called so
    seen.add(held.features[:begin])
    for row in range(begin, rows):
        name, values = names[row], held.features[row]
        if name in FIGURES and not seen.has(values, FIGURES[name]):
            return rows
        if not name and not seen.is_sum(values):
            return rows
    return begin


def _text(entry: Mapping[str, Value]) -> str:
    """Return the text that a row begins with; empty if that is none."""
    value = next((value for value in entry.values() if value is not None), None)
    return value if isinstance(value, str) else ""


def _name(entry: Mapping[str, Value]) -> str:
    return _text(entry).strip(" :.=").casefold()
