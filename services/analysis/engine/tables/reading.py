"""Reading uploaded tables in chunks: CSV (`,` `;` tab), gzip CSV and Parquet (docs/engine.md, "Tables")."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import chain, islice
from types import TracebackType
from typing import BinaryIO, Protocol, Self

import numpy as np
from numpy.typing import NDArray

from ..config import EngineConfig
from ..errors import TableError
from . import csv_fast
from .columns import Columns, Value, check_same_header, checked_header, is_number, select_columns
from .csv_strict import Record, detect_delimiter, parse_record, records
from .parquet import parquet_columns, parquet_parts
from .sources import PARQUET, Source

Floats = NDArray[np.float64]
Origin = str | os.PathLike[str] | BinaryIO

LEAST_SAMPLES = 3

CHUNK_ROWS = 2048

EXPANSION_LIMIT = 32 * 2**30
"""Bytes a gzip or Parquet file may expand to, unless the caller sets another limit."""

SAMPLED_ROWS = 50
"""Rows that tell which columns hold numbers."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Successive samples: `features` (m, d), their metadata, and the 0-based place of the first."""

    features: Floats
    metadata: list[dict[str, Value]]
    first_row: int


class Table(Protocol):
    """One file of an upload."""

    @property
    def columns(self) -> Columns:
        """Its columns."""
        ...

    @property
    def name(self) -> str:
        """Its name, for messages."""
        ...

    def parts(self, rows: int) -> Iterator[csv_fast.Part]:
        """Features and metadata, at most `rows` samples at a time."""
        ...


@dataclass(frozen=True, slots=True)
class CsvTable:
    """A CSV file whose header has been read."""

    source: Source
    columns: Columns
    delimiter: str
    header_lines: int
    row_bytes: int

    @classmethod
    def open(cls, source: Source, config: EngineConfig) -> Self:
        """Read header and some rows."""
        with source.open() as stream:
            head = stream.peek().decode("utf-8", errors="replace")
            delimiter = detect_delimiter(head)
            with closing(records(source, stream, delimiter)) as every:
                try:
                    line, cells = next(every)
                except StopIteration:
                    raise TableError("the file has no rows, not even a header", file=source.name) from None
                header = checked_header(cells, source.name, line)
                sampled = list(islice(every, SAMPLED_ROWS))
        numeric = [_numeric_column(sampled, place) for place in range(len(header))]
        columns = select_columns(header, numeric, config, source.name, line)
        longest = max(sum(len(cell) + 1 for cell in cells) for _, cells in [(line, cells), *sampled])
        # A line break inside a quoted name: only the careful reader counts such lines.
        plain = not any("\n" in cell or "\r" in cell for cell in cells)
        return cls(source, columns, delimiter, line if plain else 0, longest)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

    def parts(self, rows: int) -> Iterator[csv_fast.Part]:
        """The fast reader's parts; from the first row it doubts on, the careful one's."""
        done = 0
        if self.header_lines:
            try:
                for part in csv_fast.parts(
                    self.source, self.columns, self.delimiter, self.header_lines, self.row_bytes, rows
                ):
                    yield part
                    done += len(part[1])
                return
            except csv_fast.Doubt:
                pass  # the careful reader says what is wrong, or reads on if nothing is
        yield from self.careful_parts(rows, done)

    def careful_parts(self, rows: int, skip: int = 0) -> Iterator[csv_fast.Part]:
        """The same parts from the careful reader, after `skip` samples."""
        with self.source.open() as stream, closing(records(self.source, stream, self.delimiter)) as every:
            samples = islice(every, 1 + skip, None)
            for record in samples:
                yield self._careful_part(chain([record], islice(samples, rows - 1)), rows)

    def _careful_part(self, some: Iterator[Record], rows: int) -> csv_fast.Part:
        features = np.empty((rows, self.columns.stop - self.columns.start))
        metadata = [
            parse_record(record, self.columns, features[i], self.source.name) for i, record in enumerate(some)
        ]
        return features[: len(metadata)], metadata


@dataclass(frozen=True, slots=True)
class ParquetTable:
    """A Parquet file whose schema has been read."""

    source: Source
    columns: Columns

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

    def parts(self, rows: int) -> Iterator[csv_fast.Part]:
        """Batches of the file."""
        return parquet_parts(self.source, self.columns, rows)


class TableReader:
    """One or several files with one header, read in order; iterate for chunks, as often as needed.

    `features` and `metadata_columns` (those before and after the features) are known before the first chunk.
    Memory is bounded by a few chunks, however large the files are. Iterating raises TableError naming file,
    row and column of what cannot be read.
    """

    def __init__(self, tables: Sequence[Table], chunk_rows: int) -> None:
        self._tables = tables
        self._chunk_rows = chunk_rows
        columns = tables[0].columns
        self.header = columns.header
        self.features = columns.features
        self.metadata_before = columns.before
        self.metadata_after = columns.after
        self.metadata_columns = columns.before + columns.after

    def __iter__(self) -> Iterator[Chunk]:
        first_row = 0
        for table in self._tables:
            start = first_row
            for features, metadata in table.parts(self._chunk_rows):
                if metadata:
                    yield Chunk(features, metadata, first_row)
                    first_row += len(metadata)
            if first_row == start:
                raise TableError("the file has a header but no samples: export it again", file=table.name)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Nothing is held between passes."""


def open_table(
    path: Origin,
    *,
    name: str,
    config: EngineConfig,
    chunk_rows: int = CHUNK_ROWS,
    expansion_limit: int = EXPANSION_LIMIT,
) -> TableReader:
    """Open one table; `path` may be a seekable binary stream. See `open_tables`."""
    return open_tables([(path, name)], config=config, chunk_rows=chunk_rows, expansion_limit=expansion_limit)


def open_tables(
    files: Sequence[tuple[Origin, str]],
    *,
    config: EngineConfig,
    chunk_rows: int = CHUNK_ROWS,
    expansion_limit: int = EXPANSION_LIMIT,
) -> TableReader:
    """Open (origin, name) files as one table, in order; what a file is, its content decides, not its name.

    Raises TableError for what is no table, has no or a doubtful header, lacks the configured columns (then
    with a suggestion), or has another header than the first file.
    """
    tables = [_open(Source(origin, name, expansion_limit), config) for origin, name in files]
    if not tables:
        raise TableError("no file was given")
    for table in tables[1:]:
        check_same_header(
            table.columns.header, tables[0].columns.header, file=table.name, first_file=tables[0].name
        )
    return TableReader(tables, chunk_rows)


def _open(source: Source, config: EngineConfig) -> Table:
    if source.head().startswith(PARQUET):
        return ParquetTable(source, parquet_columns(source, config))
    return CsvTable.open(source, config)


def _numeric_column(sampled: Sequence[Record], place: int) -> bool:
    cells = [cells[place] for _, cells in sampled if place < len(cells) and cells[place].strip()]
    return bool(cells) and all(is_number(cell) for cell in cells)


def require_samples(count: int, *, file: str, minimum: int = LEAST_SAMPLES) -> None:
    """Raise TableError if a file has fewer samples than `minimum`."""
    if count < minimum:
        plural = "" if count == 1 else "s"
        raise TableError(f"the file has {count} sample{plural}, at least {minimum} are needed", file=file)


def read_all(reader: TableReader, *, file: str) -> Chunk:
    """A whole table as one chunk, at a peak of little more than its own size; TableError below 3 samples."""
    pending = list(reader)
    count = sum(len(chunk.metadata) for chunk in pending)
    require_samples(count, file=file)
    features = np.empty((count, len(reader.features)))
    metadata: list[dict[str, Value]] = []
    pending.reverse()
    while pending:
        chunk = pending.pop()  # freed as it is copied; the target's pages come into being as they are written
        features[len(metadata) : len(metadata) + len(chunk.metadata)] = chunk.features
        metadata += chunk.metadata
    return Chunk(features, metadata, 0)
