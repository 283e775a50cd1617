"""Reads uploaded tables in chunks of samples (docs/engine.md)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Self

import numpy as np
from numpy.typing import NDArray

from ..config import MIN_SAMPLES, EngineConfig
from ..errors import TableError
from .columns import Columns, Value, check_same_header, named_columns, select_columns, suggest
from .config import ReadingConfig
from .filling import Filler
from .limits import Limits
from .metadata import Metadata
from .numbers import Numbers
from .other_rows import Headers, Located, without_totals
from .sheet import Batch, Sheet
from .sheets import open_sheets
from .understood import Facts, LeftOut, Understood
from .unpacking import Meter

Floats = NDArray[np.float64]
Part = tuple[Floats, list[dict[str, Value]]]
Origin = str | os.PathLike[str] | BinaryIO

CHUNK_ROWS = 2048


@dataclass(frozen=True, slots=True)
class Chunk:
    """Successive samples: `features` (m, d), NaN where missing, their metadata, and the 0-based index of the
    first."""

    features: Floats
    metadata: list[dict[str, Value]]
    first_row: int


@dataclass(frozen=True, slots=True)
class Table:
    """One file of an upload, and which of its columns are features."""

    sheet: Sheet
    columns: Columns
    reading: ReadingConfig

    @property
    def name(self) -> str:
        """Its name, for error messages."""
        return self.sheet.name

    def parts(self, facts: Facts) -> Iterator[Part]:
        """Yield features and metadata of successive rows, but not of rows that are no samples."""
        return without_totals(self._rows(facts), self.name, facts.left_out)

    def _rows(self, facts: Facts) -> Iterator[Located]:
        numbers = Numbers(self.sheet, self.columns.places, self.reading, facts)
        metadata = Metadata(
            self.columns.header, self.columns.metadata_places, numbers.style.decimal, self.sheet.name
        )
        headers = Headers(self.sheet, self.columns.places, facts.left_out)
        for whole in self.sheet.batches(facts.left_out, numbers.expected):
            batch = headers.without(whole)
            features, entries = numbers.convert(batch), metadata.convert(batch)
            rows = np.arange(len(entries))
            empty = np.asarray(np.isnan(features).all(axis=1))
            if empty.any():
                empty &= np.array([all(value is None for value in entry.values()) for entry in entries])
                for row in np.flatnonzero(empty):
                    facts.left_out.append(
                        LeftOut(self.name, batch.locate(int(row)), "empty_row", "the row has no value")
                    )
                features, rows = features[~empty], rows[~empty]
                entries = [entry for entry, none in zip(entries, empty, strict=True) if not none]
            if self.sheet.understood.form == "csv":
                facts.styles[self.name] = (numbers.style.decimal, numbers.style.thousands or None)
            yield Located(features, entries, _locator(batch, rows))


def _locator(batch: Batch, rows: NDArray[np.int64]) -> Callable[[int], int]:
    return lambda row: batch.locate(int(rows[row]))


class TableReader:
    """One or more files with the same header, read in order. It can be iterated over repeatedly, for chunks.

    `features` and `metadata_columns` (those before and after the features) are known before the first chunk;
    `understood` tells how each table is read, and `facts` what the last pass found. Memory is limited to a
    few chunks, however large the files are. Iterating raises TableError naming the file, row and column of
    whatever cannot be read.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        chunk_rows: int,
        limits: Limits,
        meter: Meter,
        left_out: Sequence[LeftOut] = (),
    ) -> None:
        self._tables = tables
        self._chunk_rows = chunk_rows
        self._limits, self._meter, self._left_out = limits, meter, left_out
        columns = tables[0].columns
        self.header = columns.header
        self.features = columns.features
        self.metadata_before = columns.before
        self.metadata_after = columns.after
        self.metadata_columns = columns.before + columns.after
        self.facts = Facts()

    @property
    def names(self) -> list[str]:
        """The name of each table."""
        return [table.name for table in self._tables]

    @property
    def absent(self) -> tuple[str, ...]:
        """The features that no table has."""
        present = {
            name
            for table in self._tables
            for name, place in zip(table.columns.features, table.columns.places, strict=True)
            if place is not None
        }
        return tuple(name for name in self.features if name not in present)

    @property
    def understood(self) -> list[Understood]:
        """How each table is read."""
        return [table.sheet.understood for table in self._tables]

    def __iter__(self) -> Iterator[Chunk]:
        self._meter.total = 0
        self.facts = facts = Facts(left_out=list(self._left_out))
        for table in self._tables:
            for features, metadata in _regrouped(self._parts(table, facts), self._chunk_rows):
                yield Chunk(features, metadata, facts.rows)
                facts.rows += len(metadata)

    def _parts(self, table: Table, facts: Facts) -> Iterator[Part]:
        count = 0
        for features, metadata in _filled(table.parts(facts), table.reading.missing):
            count += len(metadata)
            if facts.rows + count > self._limits.rows:
                raise TableError(
                    f"the upload has more than {self._limits.rows:,} rows. Split it up",
                    file=table.name,
                    code="too_many_rows",
                    params={"limit": self._limits.rows},
                )
            yield features, metadata
        if not count:
            raise TableError(
                "the file has a header but no samples. Export it again", file=table.name, code="no_samples"
            )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Do nothing: no file stays open between passes."""


def open_table(
    path: Origin,
    *,
    name: str,
    config: EngineConfig,
    reading: ReadingConfig | None = None,
    limits: Limits | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> TableReader:
    """Open a single table; `path` may be a seekable binary stream. See `open_tables`."""
    return open_tables([(path, name)], config=config, reading=reading, limits=limits, chunk_rows=chunk_rows)


def open_tables(
    files: Sequence[tuple[Origin, str]],
    *,
    config: EngineConfig,
    reading: ReadingConfig | None = None,
    limits: Limits | None = None,
    features: Sequence[str] | None = None,
    chunk_rows: int = CHUNK_ROWS,
) -> TableReader:
    """Open (origin, name) files as one table, in order. Content determines the form, not the name.

    Features are the configured range of columns, or those with the names `features` in that order. Raises
    TableError if a file is not a table, has no valid header, lacks the configured columns (with a
    suggestion), or has a different header from the first file.
    """
    reading, limits, meter = reading or ReadingConfig(), limits or Limits(), Meter()
    wanted = tuple(name for name in (config.start_dim, config.end_dim) if features is None)
    left_out: list[LeftOut] = []
    sheets = [
        sheet
        for origin, name in files
        for sheet in open_sheets(origin, name, reading, limits, wanted=wanted, meter=meter, left_out=left_out)
    ]
    if not sheets:
        raise TableError("the upload contains no file", code="no_file")
    tables = [Table(sheets[0], _selected(sheets[0], config, reading, features), reading)]
    for sheet in sheets[1:]:
        columns = named_columns(sheet.header, tables[0].columns.features)
        if _lacking(columns) != _lacking(tables[0].columns) or (
            features is None and set(sheet.header) != set(sheets[0].header)
        ):
            check_same_header(sheet.header, sheets[0].header, file=sheet.name, first_file=sheets[0].name)
        tables.append(Table(sheet, columns, reading))
    return TableReader(tables, chunk_rows, limits, meter, left_out)


def _lacking(columns: Columns) -> list[bool]:
    return [place is None for place in columns.places]


def _selected(
    sheet: Sheet, config: EngineConfig, reading: ReadingConfig, features: Sequence[str] | None
) -> Columns:
    if features is None:
        found = select_columns(sheet.header, sheet.kinds, config, sheet.name, sheet.header_row)
        out = {*reading.metadata_columns, *reading.time_column}
        columns = named_columns(sheet.header, [name for name in found.features if name not in out])
    else:
        columns = named_columns(sheet.header, features)
    if all(place is None for place in columns.places):
        said = (
            "the configuration leaves no feature" if features is None else "none of the baseline's features"
        )
        raise TableError(
            f"{said} among the {len(sheet.header)} columns. Check that this is the right file, and the names"
            " of"
            " its columns",
            file=sheet.name,
            row=sheet.header_row,
            code="no_features",
            suggestion=suggest(sheet.header, sheet.kinds),
        )
    return columns


def _filled(parts: Iterator[Part], how: str) -> Iterator[Part]:
    """Fill in missing values as the configuration says."""
    if how not in ("previous", "linear"):
        yield from parts
        return
    filler = Filler(how)
    waiting: list[list[dict[str, Value]]] = []
    for features, metadata in parts:
        if not metadata:
            continue
        waiting.append(metadata)
        for filled in filler.add(features):
            yield filled, waiting.pop(0)
    for filled in filler.rest():
        yield filled, waiting.pop(0)


def _regrouped(parts: Iterator[Part], rows: int) -> Iterator[Part]:
    """Regroup parts into parts of exactly `rows` rows; the last may be shorter."""
    waiting: list[Part] = []
    count = 0
    for features, metadata in parts:
        offset, size = 0, len(metadata)
        while count + size - offset >= rows:
            stop = offset + rows - count
            yield _joined([*waiting, (features[offset:stop], metadata[offset:stop])])
            waiting, count, offset = [], 0, stop
        if offset < size:
            waiting.append((features[offset:], metadata[offset:]))
            count += size - offset
    if count:
        yield _joined(waiting)


def _joined(parts: Sequence[Part]) -> Part:
    if len(parts) == 1:
        return parts[0]
    return (
        np.concatenate([features for features, _ in parts]),
        [entry for _, metadata in parts for entry in metadata],
    )


def require_samples(count: int, *, file: str, minimum: int = MIN_SAMPLES) -> None:
    """Raise TableError if a file has fewer samples than `minimum`."""
    if count < minimum:
        plural = "" if count == 1 else "s"
        raise TableError(
            f"the file has {count} sample{plural}, but at least {minimum} are required",
            file=file,
            code="too_few_samples",
            params={"samples": count, "minimum": minimum},
        )


def read_all(reader: TableReader, *, file: str) -> Chunk:
    """Return a whole table as one chunk, at little more than its own size in memory. Raises TableError."""
    pending = list(reader)
    count = sum(len(chunk.metadata) for chunk in pending)
    require_samples(count, file=file)
    features = np.empty((count, len(reader.features)))
    metadata: list[dict[str, Value]] = []
    pending.reverse()
    while pending:
        chunk = pending.pop()  # freed once copied; the target's pages are allocated as they are written
        features[len(metadata) : len(metadata) + len(chunk.metadata)] = chunk.features
        metadata += chunk.metadata
    return Chunk(features, metadata, 0)
