"""Makes numbers of cells: float64 with NaN for what was not measured. It never guesses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
from numpy.typing import NDArray

from .cells import APOSTROPHES, SPACES, kind_of
from .config import ReadingConfig
from .faults import Fault, NoNumber, fault_error, missing_error
from .mixed import is_mixed, parts
from .sheet import Batch, Expected, Sheet
from .styles import PADDING, StyleFinder, text_of
from .understood import Facts
from .words import Words, counted

Floats = NDArray[np.float64]

MAX_DISTINCT_WORDS = 1000
"""Different words among the numbers of one batch; no historian has as many."""


class Numbers:
    """Converts chosen columns of a sheet's batches, in order. `places` may hold None: a column that is
    missing.

    The decimal separator is that of the whole file (see `style.decide`). What is missing is counted in
    `facts`.
    """

    def __init__(
        self, sheet: Sheet, places: Sequence[int | None], reading: ReadingConfig, facts: Facts | None = None
    ) -> None:
        self.facts = facts or Facts()
        self._sheet, self._places, self._reading = sheet, places, reading
        self._present = [place for place in places if place is not None]
        self._words = Words(reading.missing_values)
        self._known: dict[int, set[str]] = {}  # spellings of missing values, by column
        self._wide = np.zeros(len(places), dtype=np.bool_)  # columns with numbers other than 0 and 1
        self._switched = np.zeros(len(places), dtype=np.bool_)  # columns with ON, OFF and their like
        self._settled = False
        self._unread = sheet.understood.form != "csv"  # whether no text has been read yet: others have few
        self._styles = StyleFinder(sheet, places, reading)
        self.style = self._styles.first()
        self.expected = Expected(tuple(self._present), self.style.decimal)
        """What speeds up reading the batches to convert."""

    def convert(self, batch: Batch) -> Floats:
        """Return the columns of a batch as (m, d). Raises TableError naming the first cell that is no
        number."""
        while True:
            try:
                return self._convert(batch)
            except _Unsettled:
                self.style = self._styles.settled(self.style, unread=self._unread)
                self._settled, self._unread = True, False

    def _convert(self, batch: Batch) -> Floats:
        finite = self._finite(batch)
        if finite is not None:
            return finite
        values = np.full((batch.rows, len(self._places)), np.nan)
        faults: list[Fault] = []
        counts: dict[int, Counter[str]] = {}
        for at, place in enumerate(self._places):
            if place is None:
                continue
            try:
                found = self._column(batch, at, place, counts.setdefault(place, Counter()))
            except NoNumber as error:
                faults.append(error.fault)
            else:
                values[:, at] = found
        if not self._words.numbers:
            self.expected.missing.update(*self._known.values())
        if faults:
            first = min(faults, key=lambda fault: (fault.row, fault.place))
            raise fault_error(first, self._sheet, batch, self._reading)
        return self._counted(values, counts, batch)

    def _counted(self, values: Floats, counts: Mapping[int, Counter[str]], batch: Batch) -> Floats:
        """Return the values after noting the words that stood for missing ones. Raises TableError."""
        for place, words in counts.items():
            for word, cells in words.items():
                self.facts.count_missing(self._sheet.header[place], word, cells)
        if self._reading.missing == "refuse" and np.isnan(values).any():
            raise missing_error(values, self._places, self._sheet, batch)
        return values

    def _finite(self, batch: Batch) -> Floats | None:
        """Return the columns of a batch of nothing but numbers and known words, if nothing else is to be
        heeded."""
        values = batch.numbers
        if (
            values is None
            or len(self._present) < len(self._places)
            or self._words.numbers
            or self._switched.any()
        ):
            return None
        narrow = np.flatnonzero(~self._wide)
        if narrow.size:
            some = values[:, narrow]
            self._wide[narrow] = ~(np.isin(some, (0.0, 1.0)) | np.isnan(some)).all(axis=0)
        return self._counted(values, batch.words, batch)

    def _column(self, batch: Batch, at: int, place: int, counts: Counter[str]) -> Floats:
        column = batch.columns[place]
        if pa.types.is_dictionary(column.type):
            column = column.cast(column.type.value_type)
        if self._unread and text_of(column) is not None:
            raise _Unsettled
        if is_mixed(column):
            numbers, cells = parts(column)
            typed = numbers.to_numpy(zero_copy_only=False)
            wide = np.flatnonzero(~(np.isin(typed, (0.0, 1.0)) | np.isnan(typed)))
            if wide.size and self._switched[at]:
                raise NoNumber(Fault(int(wide[0]), place, f"{typed[wide[0]]:g}", "switch_or_number"))
            self._wide[at] |= bool(wide.size)
            values = np.where(np.isnan(typed), self._mixed(cells, numbers, at, place, counts), typed)
            return self._marked(values, counts)
        if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
            fast = self._fast(column)
            if fast is None:
                return self._marked(self._slow(column, at, place, counts), counts)
            values = fast
        elif batch.text:
            values = column.to_numpy()
        else:
            values = _typed(column, place, counts)
        values = self._marked(values, counts, single=pa.types.is_float32(column.type))
        if pa.types.is_boolean(column.type) and column.null_count < len(column):
            if self._wide[at]:
                row = int(np.flatnonzero(~np.isnan(values))[0])
                raise NoNumber(Fault(row, place, str(bool(values[row])).upper(), "switch_or_status"))
            self._switched[at] = True
        if not self._wide[at] and len(values):
            wide = np.flatnonzero(~(np.isin(values, (0.0, 1.0)) | np.isnan(values)))
            self._wide[at] = bool(wide.size)
            if self._switched[at] and wide.size:
                row = int(wide[0])
                raise NoNumber(Fault(row, place, f"{values[row]:g}", "switch_or_number"))
        return values

    def _fast(self, column: pa.Array) -> Floats | None:
        """Return a column of nothing but plain numbers, otherwise None."""
        if self.style.decimal == ",":
            if compute.any(compute.match_substring(column, ".")).as_py():
                return None
            column = compute.replace_substring(column, ",", ".")
        try:
            values: Floats = compute.cast(column, pa.float64()).to_numpy(zero_copy_only=False)
        except pa.ArrowInvalid:
            return None
        return values if np.count_nonzero(~np.isfinite(values)) == column.null_count else None

    def _grouped(self, column: pa.Array) -> Floats | None:
        """Return a column of numbers of which some have groups of digits, otherwise None."""
        if self.style.grouped is None:
            return None
        if not compute.all(compute.match_substring_regex(column, self.style.any)).as_py():
            return None
        values = self._parsed(column)
        return None if np.isinf(values).any() else values

    def _slow(self, column: pa.Array, at: int, place: int, counts: Counter[str]) -> Floats:
        """Convert a column with words among its numbers, groups of digits, or padding."""
        cells = compute.fill_null(column, "") if column.null_count else column
        known = self._known.setdefault(place, {""})
        missing = compute.is_in(cells, value_set=pa.array(sorted(known), cells.type))
        rest = compute.if_else(missing, pa.scalar(None, cells.type), cells)
        simple = self._fast(rest)
        simple = self._grouped(rest) if simple is None else simple
        if simple is not None:
            counts.update(counted(cells.filter(missing)))
            return simple
        return self._padded(compute.utf8_trim(cells, characters=PADDING), at, place, known, counts)

    def _padded(self, cells: pa.Array, at: int, place: int, known: set[str], counts: Counter[str]) -> Floats:
        values = np.full(len(cells), np.nan)
        missing = compute.is_in(cells, value_set=pa.array(sorted(known), cells.type))
        rest = np.flatnonzero(~missing.to_numpy(zero_copy_only=False))
        words = counted(cells.filter(missing))
        if rest.size:
            others = cells.take(pa.array(rest))
            plain = self._fast(others)
            values[rest] = (
                plain if plain is not None else self._careful(others, rest, at, place, known, words)
            )
        counts.update(words)
        return values

    def _mixed(self, cells: pa.Array, numbers: pa.Array, at: int, place: int, counts: Counter[str]) -> Floats:
        """Return the texts of a mixed column as numbers; empty cells count as missing, typed numbers do
        not."""
        values = np.full(len(cells), np.nan)
        rows = np.flatnonzero(numbers.is_null().to_numpy(zero_copy_only=False))
        if rows.size:
            try:
                values[rows] = self._slow(cells.take(pa.array(rows)), at, place, counts)
            except NoNumber as error:
                raise NoNumber(replace(error.fault, row=int(rows[error.fault.row]))) from None
        return values

    def _careful(
        self,
        cells: pa.Array,
        rows: NDArray[np.int64],
        at: int,
        place: int,
        known: set[str],
        words: Counter[str],
    ) -> Floats:
        """Convert cells of which some are no plain numbers: groups, words, switches."""
        cells = compute.replace_substring(cells, "\u2212", "-")
        values = np.full(len(cells), np.nan)
        plain = compute.match_substring_regex(cells, self.style.plain)
        if self.style.grouped is not None:
            plain = compute.or_(plain, compute.match_substring_regex(cells, self.style.grouped))
        mask = plain.to_numpy(zero_copy_only=False)
        values[mask] = self._parsed(cells.filter(plain))
        large = np.flatnonzero(np.isinf(values))
        if large.size:
            raise NoNumber(Fault(int(rows[large[0]]), place, cells[int(large[0])].as_py(), "too_large"))
        odd = np.flatnonzero(~mask)
        texts = cells.take(pa.array(odd)).dictionary_encode()
        switches = np.full(len(texts.dictionary), np.nan)
        for index, word in enumerate(texts.dictionary.to_pylist()):
            if self._words.is_missing(word):
                known.add(word)
            elif (value := self._words.switch(word)) is not None:
                switches[index] = value
            else:
                row = int(odd[compute.index(texts.indices, index).as_py()])
                self._open_question(word)
                raise NoNumber(Fault(int(rows[row]), place, word, "not_a_number"))
        indices = texts.indices.to_numpy(zero_copy_only=False)
        words.update(counted(texts.cast(pa.string()).filter(pa.array(np.isnan(switches)[indices]))))
        switched = np.flatnonzero(~np.isnan(switches)[indices])
        if switched.size:
            numbers = values[mask]
            row = int(odd[switched[0]])
            if self._wide[at] or not np.isin(numbers, (0.0, 1.0)).all():
                raise NoNumber(Fault(int(rows[row]), place, cells[row].as_py(), "switch_or_status"))
            self._switched[at] = True
            values[odd[switched]] = switches[indices[switched]]
        elif mask.any():
            numbers = values[mask]
            self._wide[at] |= not np.isin(numbers, (0.0, 1.0)).all()
            if self._switched[at] and self._wide[at]:
                row = int(np.flatnonzero(mask)[int(np.flatnonzero(~np.isin(numbers, (0.0, 1.0)))[0])])
                raise NoNumber(Fault(int(rows[row]), place, cells[row].as_py(), "switch_or_number"))
        if len(known) > MAX_DISTINCT_WORDS:
            known.clear()
            known.add("")
        return values

    def _parsed(self, cells: pa.Array) -> Floats:
        """Return cells of the file's style as numbers."""
        thousands = {" ": SPACES, "'": APOSTROPHES}.get(
            self.style.thousands or "", self.style.thousands or ""
        )
        for mark in thousands:
            cells = compute.replace_substring(cells, mark, "")
        if self.style.decimal != ".":
            cells = compute.replace_substring(cells, self.style.decimal, ".")
        try:
            numbers = compute.cast(cells, pa.float64())
        except pa.ArrowInvalid:
            numbers = compute.cast(compute.replace_substring_regex(cells, "[dD]", "e"), pa.float64())
        values: Floats = numbers.to_numpy(zero_copy_only=False)
        return values

    def _marked(self, values: Floats, counts: Counter[str], *, single: bool = False) -> Floats:
        """Replace the numbers that the configuration lists as missing; a `single` column has them in
        float32."""
        for number in self._words.numbers:
            hits = values == (float(np.float32(number)) if single else number)
            found = int(np.count_nonzero(hits))
            if found:
                values = np.where(hits, np.nan, values)
                counts[f"{number:g}"] += found
        return values

    def _open_question(self, cell: str) -> None:
        """Ask for the whole file's evidence if a cell is a number of another style."""
        if self._settled or kind_of(cell) != "number":
            return
        raise _Unsettled


class _Unsettled(Exception):
    """A cell is a number only in another style than the one that the first rows suggested."""


def _typed(column: pa.Array, place: int, counts: Counter[str]) -> Floats:
    """Return a typed column (numbers, booleans) as numbers; what is null or not finite is missing."""
    kind = column.type
    if pa.types.is_null(kind):
        counts[""] += len(column)
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(kind):
        column = compute.cast(column, pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise NoNumber(Fault(0, place, str(kind), "not_numbers"))
    values: Floats = compute.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if column.null_count:
        counts[""] += column.null_count
    infinite = np.isinf(values)
    if infinite.any():
        counts["inf"] += int(infinite.sum())
        values = np.where(infinite, np.nan, values)
    nan = int(np.isnan(values).sum()) - column.null_count - int(infinite.sum())
    if nan:
        counts["nan"] += nan
    return values
