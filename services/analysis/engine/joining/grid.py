"""Brings values of several files, or of a long table, to common times, in bounded memory.

What is added goes to a file first, because the common times are known only when everything is read; then the
rows are filled in another file, and read from there chunk by chunk.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import IO

import numpy as np
from numpy.typing import NDArray

from ..errors import TableError
from ..tables.limits import size_words
from ..times.formats import Moments

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

HOWS = ("mean", "last", "max")
JOINS = ("outer", "inner")

PENDING_BINS = 1_000_000
"""Times that are collected before they are merged with the known ones (8 MB)."""

RECORD = np.dtype([("bin", np.int64), ("at", np.int64), ("place", np.int64), ("value", np.float64)])


@dataclass(frozen=True, slots=True)
class Raster:
    """How times become rows.

    With `step` (microseconds), a row holds everything from its time until the next multiple of it. Otherwise
    a row holds what is at one time, rounded to a multiple of `tolerance` if that is not 0.
    """

    step: int | None = None
    tolerance: int = 0

    def bins(self, moments: Moments) -> Moments:
        """Return the number of the row of each time."""
        if self.step is not None:
            return moments // self.step
        if self.tolerance:
            return (moments + self.tolerance // 2) // self.tolerance
        return moments

    def times(self, bins: Moments) -> Moments:
        """Return the time of rows."""
        return bins * (self.step or self.tolerance or 1)


class Grid:
    """Rows by time with a column per sensor; NaN where there is no value.

    `how`: of several values in one row, their `mean`, the `last` by time, or the `max`. `join`: `outer` keeps
    every row, `inner` those to which every source contributed. `merged` counts the values that share a cell
    with an earlier one, once chunks are read. Raises TableError if it exceeds `max_bytes`.
    """

    def __init__(self, raster: Raster, how: str, join: str, *, file: str, max_bytes: int) -> None:
        self._raster, self._how, self._join = raster, how, join
        self._file, self._max_bytes = file, max_bytes
        self._spool: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the grid
        self._spooled = 0
        self._blocks: list[tuple[int, int, int]] = []
        self._bins = np.empty(0, dtype=np.int64)
        self._pending: list[Moments] = []
        self._sensors = 0
        self._sources = 0
        self.merged = 0

    def add(self, source: int, moments: Moments, values: Floats, places: Places) -> None:
        """Add rows of a file: times (m,), values (m, k), and the columns of the grid that they belong to
        (k,)."""
        rows, sensors = np.nonzero(~np.isnan(values))
        self._add(source, moments, moments[rows], places[sensors], values[rows, sensors])

    def add_long(self, source: int, moments: Moments, places: Places, values: Floats) -> None:
        """Add one value per row: times, columns and values, all (m,)."""
        here = ~np.isnan(values)
        self._add(source, moments, moments[here], places[here], values[here])

    def _add(self, source: int, all_times: Moments, times: Moments, places: Places, values: Floats) -> None:
        self._pending.append(np.unique(self._raster.bins(all_times)))
        if sum(map(len, self._pending)) > PENDING_BINS:
            self._merge()
        records = np.empty(len(times), dtype=RECORD)
        records["bin"], records["at"] = self._raster.bins(times), times
        records["place"], records["value"] = places, values
        self._sensors = max(self._sensors, int(places.max(initial=-1)) + 1)
        self._sources = max(self._sources, source + 1)
        self._blocks.append((source, self._spooled, len(records)))
        self._spooled += records.nbytes
        if self._spooled > self._max_bytes:
            raise self._too_large(self._spooled)
        self._spool.write(records.tobytes())

    def _merge(self) -> None:
        self._bins = np.unique(np.concatenate([self._bins, *self._pending]))
        self._pending = []

    def _too_large(self, size: int) -> TableError:
        return TableError(
            f"the joined table would take {size_words(size)}, more than the {size_words(self._max_bytes)}"
            " that are"
            " allowed. Set resample to a longer interval, or send fewer sensors at once",
            file=self._file,
            code="expands_too_far",
            params={"limit": self._max_bytes},
        )

    def chunks(self, sensors: int, rows: int) -> Iterator[tuple[Moments, Floats]]:
        """Yield times and values (m, sensors) of successive rows in order of time, `rows` at a time, once."""
        self._merge()
        n, width = len(self._bins), max(sensors, self._sensors)
        if n * width * 16 > self._max_bytes:
            self.close()
            raise self._too_large(n * width * 16)
        with tempfile.TemporaryFile() as file, self._spool:
            if not n or not width:
                return
            values = np.memmap(file, dtype=np.float64, mode="w+", shape=(n, width))
            keep = self._fill(values, n, width)
            for first in range(0, n, rows):
                part = np.flatnonzero(keep[first : first + rows]) + first
                if len(part):
                    yield self._raster.times(self._bins[part]), np.array(values[part])
            del values

    def _fill(
        self, values: np.memmap[tuple[int, int], np.dtype[np.float64]], n: int, width: int
    ) -> NDArray[np.bool_]:
        """Write the values, and return the rows to keep."""
        flat = values.reshape(-1)
        for first in range(0, n * width, PENDING_BINS):
            flat[first : first + PENDING_BINS] = np.nan
        with tempfile.TemporaryFile() as beside_file:
            # Of a mean the count, and of the last value its time.
            beside = np.memmap(beside_file, dtype=np.int64, mode="w+", shape=(n * width,))
            contributed = np.zeros((self._sources, n), dtype=np.bool_)
            for source, records in self._records():
                row = np.searchsorted(self._bins, records["bin"])
                contributed[source, row] = True
                self._combine(flat, beside, row * width + records["place"], records)
            del beside
        if self._join == "outer":
            return np.ones(n, dtype=np.bool_)
        return np.asarray(contributed.all(axis=0))

    def _combine(self, flat: Floats, beside: Moments, cell: Places, records: NDArray[np.void]) -> None:
        """Fold records into cells."""
        order = np.lexsort((records["at"], cell))
        cell, value, at = cell[order], records["value"][order], records["at"][order]
        starts = np.flatnonzero(np.concatenate([[True], cell[1:] != cell[:-1]]))
        ends = np.concatenate([starts[1:], [len(cell)]])
        target = cell[starts]
        before = flat[target]
        empty = np.isnan(before)
        self.merged += len(cell) - int(empty.sum())
        if self._how == "max":
            flat[target] = np.fmax(before, np.maximum.reduceat(value, starts))
        elif self._how == "last":
            newer = empty | (at[ends - 1] >= beside[target])
            flat[target] = np.where(newer, value[ends - 1], before)
            beside[target] = np.where(newer, at[ends - 1], beside[target])
        else:
            count = (ends - starts).astype(np.int64)
            known = np.where(empty, 0, beside[target])
            mean = np.add.reduceat(value, starts) / count
            # The mean of all so far, from the means of two groups: no sum grows with the file.
            flat[target] = np.where(empty, mean, before + (mean - before) * (count / (known + count)))
            beside[target] = known + count

    def _records(self) -> Iterator[tuple[int, NDArray[np.void]]]:
        self._spool.flush()
        for source, offset, count in self._blocks:
            if count:
                self._spool.seek(offset)
                yield source, np.frombuffer(self._spool.read(count * RECORD.itemsize), dtype=RECORD)

    @property
    def rows(self) -> int:
        """How many different times there are."""
        self._merge()
        return len(self._bins)

    def close(self) -> None:
        """Delete what was spooled."""
        self._spool.close()


class Series:
    """Numbers the names of a long table's series, in the order of their first appearance."""

    def __init__(self, names: Sequence[str] = ()) -> None:
        self._places = {name: place for place, name in enumerate(names)}

    def places(self, names: Sequence[str]) -> Places:
        """Return the column of each name; new names get new columns."""
        known = self._places
        return np.fromiter(
            (known.setdefault(name, len(known)) for name in names), dtype=np.int64, count=len(names)
        )

    @property
    def names(self) -> tuple[str, ...]:
        """All names so far."""
        return tuple(self._places)
