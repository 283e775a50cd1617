"""A table that is joined on time: files with different sensors, long tables, samples on a grid."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import ConfigError, TableError
from ..tables.config import ReadingConfig
from ..tables.limits import Limits
from ..tables.metadata import texts
from ..tables.numbers import Numbers
from ..tables.reading import Chunk
from ..tables.sheet import Batch, Sheet
from ..tables.understood import Facts, LeftOut, Understood
from ..times.finding import TimeColumn, cells_of
from ..times.formats import NOT_A_TIME, Moments
from ..times.names import zone_named
from ..times.periods import period, period_text
from ..times.zones import ZoneReader, isos
from .grid import Grid, Raster, Series
from .layout import Long

Floats = NDArray[np.float64]

ROWS = 4096


class JoinedTable:
    """Reads all sheets on the first pass, and then yields their rows in order of time.

    `sources` gives each sheet with its time column, and its columns if it is a long table. The features are
    `wanted` if that is given (those of the baseline), otherwise all sensors. Raises TableError.
    """

    def __init__(
        self,
        sources: Sequence[tuple[Sheet, TimeColumn, Long | None]],
        reading: ReadingConfig,
        limits: Limits,
        *,
        wanted: Sequence[str] | None,
        chunk_rows: int,
    ) -> None:
        self._sources, self._reading, self._limits = sources, reading, limits
        self._wanted, self._chunk_rows = wanted, chunk_rows
        self._series = Series(wanted or ())
        self._grid: Grid | None = None
        self.facts = Facts()
        self.name = sources[0][0].name
        self.time_name = sources[0][1].name
        try:
            self._fill()
        except BaseException:
            self.close()
            raise
        found = self._series.names
        self.features = tuple(wanted) if wanted is not None else found
        present = self._present
        self.absent = tuple(name for name in self.features if name not in present)

    @property
    def metadata_columns(self) -> tuple[str, ...]:
        """The time, which is all that rows of several tables have in common."""
        return (self.time_name,)

    @property
    def understood(self) -> list[tuple[str, Understood]]:
        """The name of each table, and how it was read."""
        return [(sheet.name, sheet.understood) for sheet, _, _ in self._sources]

    @property
    def first_line(self) -> int:
        """Rows of a joined table are counted from 1."""
        return 1

    @property
    def resolved(self) -> Mapping[str, Any]:
        """The settings by which the first sheet's times were read."""
        column = self._sources[0][1]
        return {"time_column": list(column.columns), "time_format": column.formats[0].text}

    def close(self) -> None:
        """Delete what was spooled."""
        if self._grid is not None:
            self._grid.close()

    def _fill(self) -> None:
        reading = self._reading
        raster = Raster(
            None if reading.resample is None else period(reading.resample, "resample"),
            0 if reading.round_times is None else period(reading.round_times, "round_times"),
        )
        self._grid = Grid(
            raster, reading.resample_by, reading.join, file=self.name, max_bytes=self._limits.expanded_bytes
        )
        self._present: set[str] = set()
        rows = 0
        intervals: list[int] = []
        for place, (sheet, time, long) in enumerate(self._sources):
            before = self._grid.rows
            count, interval = self._read(place, sheet, time, long)
            rows += count
            intervals += [interval] if interval else []
            self._check_met(place, before, count, intervals)
        if not rows:
            raise TableError("no row has a time that could be read", file=self.name, code="no_times")

    def _check_met(self, place: int, before: int, count: int, intervals: list[int]) -> None:
        """Refuse files whose sensors never meet in a row: each row would have the sensors of one file."""
        grid = self._grid
        exact = self._reading.resample is None and self._reading.round_times is None
        if grid is None or not place or not exact or not count or grid.rows < before + count:
            return
        if self._sources[place][0].header == self._sources[0][0].header or not intervals:
            return
        step = period_text(min(max(max(intervals), 1_000_000), 3_600_000_000))
        raise TableError(
            "no time in this file occurs in the others, so their sensors never meet in a sample. Set"
            " resample to"
            f" a step such as {step} in the configuration",
            file=self._sources[place][0].name,
            code="times_never_meet",
            params={"resample": step},
            proposal={"resample": step},
        )

    def _read(self, place: int, sheet: Sheet, time: TimeColumn, long: Long | None) -> tuple[int, int]:
        """Add a sheet to the grid; return how many rows have a time, and their usual step in microseconds."""
        zone = ZoneReader(zone_named(self._reading.time_zone or "UTC"))
        columns = [sheet.header.index(name) for name in time.columns]
        names = [long.value] if long else self._sensors(sheet, time)
        numbers = Numbers(sheet, [sheet.header.index(name) for name in names], self._reading, self.facts)
        count = lost = 0
        step = 0
        for batch in sheet.batches(self.facts.left_out):
            for start in range(0, batch.rows, ROWS):
                part = batch.part(start, min(batch.rows, start + ROWS))
                moments = _moments(part, time, columns, zone)
                values = numbers.convert(part)
                known = moments != NOT_A_TIME
                lost += int((~known).sum())
                self._add(place, sheet, part, moments, values, known, names, long)
                ahead = np.diff(np.unique(moments[known]))
                step = step or (int(np.median(ahead)) if len(ahead) else 0)
                count += int(known.sum())
        if lost:
            said = f"{lost} rows have no time that could be read, and were left out"
            self.facts.left_out.append(LeftOut(sheet.name, None, "rows_without_time", said, {"rows": lost}))
        self.facts.rows += count
        return count, step

    def _add(
        self,
        place: int,
        sheet: Sheet,
        part: Batch,
        moments: Moments,
        values: Floats,
        known: np.ndarray[tuple[int], np.dtype[np.bool_]],
        names: Sequence[str],
        long: Long | None,
    ) -> None:
        grid = self._grid
        if grid is None:
            return
        if long is None:
            self._present |= set(names)
            kept = [at for at, name in enumerate(names) if self._wanted is None or name in self._wanted]
            places = self._series.places([names[at] for at in kept])
            grid.add(place, moments[known], values[known][:, kept], places)
            return
        values = self._good(sheet, part, values, long)
        series = [str(each or "").strip() for each in texts(part, sheet.header.index(long.series))]
        wanted = np.array([bool(each) and (self._wanted is None or each in self._wanted) for each in series])
        known = known & wanted
        mine = [series[at] for at in np.flatnonzero(known)]
        self._present |= set(mine)
        grid.add_long(place, moments[known], self._series.places(mine), values[known, 0])

    def _good(self, sheet: Sheet, part: Batch, values: Floats, long: Long) -> Floats:
        """Return the values (m, 1) of a long table without those whose quality is bad."""
        if long.quality is None:
            return values
        words = [str(each or "").strip() for each in texts(part, sheet.header.index(long.quality))]
        bad = np.array([long.is_bad(word) for word in words], dtype=np.bool_)
        for row in np.flatnonzero(bad & ~np.isnan(values[:, 0])):
            self.facts.count_missing(long.value, f"{long.quality}: {words[row]}", 1)
        return np.where(bad[:, None], np.nan, values)

    def _sensors(self, sheet: Sheet, time: TimeColumn) -> list[str]:
        """Return the columns of a wide sheet that hold numbers."""
        out = {*time.columns, *self._reading.metadata_columns}
        if self._wanted is not None:
            return [name for name in sheet.header if name in self._wanted and name not in out]
        numeric = ("number", "switch", "empty")
        return [
            name
            for name, kind in zip(sheet.header, sheet.kinds, strict=True)
            if kind in numeric and name not in out
        ]

    def __iter__(self) -> Iterator[Chunk]:
        if self._grid is None:
            raise ConfigError("the table is closed", field="resample")
        first = 0
        for moments, values in self._grid.chunks(len(self.features), self._chunk_rows):
            metadata: list[dict[str, Any]] = [{self.time_name: text} for text in isos(moments)]
            yield Chunk(values[:, : len(self.features)], metadata, first)
            first += len(metadata)
        if self._grid.merged and self._reading.resample is None:
            said = (
                f"{self._grid.merged} values have the same time as another value of their sensor, and were"
                f" combined by resample_by ({self._reading.resample_by})"
            )
            params = {"values": self._grid.merged, "how": self._reading.resample_by}
            self.facts.left_out.append(LeftOut(self.name, None, "values_merged", said, params))


def _moments(part: Batch, time: TimeColumn, columns: Sequence[int], zone: ZoneReader) -> Moments:
    table = {name: texts(part, at) for name, at in zip(time.columns, columns, strict=True)}
    return zone.utc(time.formats[0].parse(cells_of(time, table)))
