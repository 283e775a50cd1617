"""Reads uploaded tables in chunks: CSV (`,` `;` tab), gzipped CSV and Parquet (docs/engine.md, "Tables")."""

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

from ..config import MIN_SAMPLES, EngineConfig
from ..errors import TableError
from . import csv_fast
from .columns import Columns, Value, check_same_header, checked_header, is_number, select_columns
from .csv_strict import Record, detect_delimiter, parse_record, records
from .parquet import parquet_columns, parquet_parts
from .sources import PARQUET, Source

Floats = NDArray[np.float64]
Origin = str | os.PathLike[str] | BinaryIO

CHUNK_ROWS = 2048

EXPANSION_LIMIT = 32 * 2**30
"""Bytes that a gzip or Parquet file may expand to, unless the caller sets another limit."""

SAMPLED_ROWS = 50
"""Rows that are sampled to find the columns that contain numbers."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Successive samples: `features` (m, d), their metadata, and the 0-based index of the first."""

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
        """Its name, for error messages."""
        ...

    def parts(self, rows: int) -> Iterator[csv_fast.Part]:
        """Yield features and metadata, at most `rows` samples at a time."""
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
        """Read the header and sample some rows."""
        with source.open() as stream:
            head = stream.peek().decode("utf-8", errors="replace")
            delimiter = detect_delimiter(head)
            with closing(records(source, stream, delimiter)) as rows:
                try:
                    line, cells = next(rows)
                except StopIteration:
                    raise TableError("the file has no rows, not even a header", file=source.name) from None
                header = checked_header(cells, source.name, line)
                sampled = list(islice(rows, SAMPLED_ROWS))
        numeric = [_numeric_column(sampled, place) for place in range(len(header))]
        columns = select_columns(header, numeric, config, source.name, line)
        longest = max(sum(len(cell) + 1 for cell in cells) for _, cells in [(line, cells), *sampled])
        # Only the strict reader can count lines correctly if a quoted name contains a line break.
        plain = not any("\n" in cell or "\r" in cell for cell in cells)
        return cls(source, columns, delimiter, line if plain else 0, longest)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

    def parts(self, rows: int) -> Iterator[csv_fast.Part]:
        """Yield the fast reader's parts, and from the first row that it rejects the strict one's."""
        done = 0
        if self.header_lines:
            try:
                for part in csv_fast.parts(
                    self.source, self.columns, self.delimiter, self.header_lines, self.row_bytes, rows
                ):
                    yield part
                    done += len(part[1])
                return
            except csv_fast.NeedsStrictReader:
                pass  # the strict reader reports what is wrong, or continues if nothing is
        yield from self.strict_parts(rows, done)

    def strict_parts(self, rows: int, skip: int = 0) -> Iterator[csv_fast.Part]:
        """Yield the same parts from the strict reader, after skipping `skip` samples."""
        with self.source.open() as stream, closing(records(self.source, stream, self.delimiter)) as parsed:
            samples = islice(parsed, 1 + skip, None)
            for record in samples:
                yield self._strict_part(chain([record], islice(samples, rows - 1)), rows)

    def _strict_part(self, part: Iterator[Record], rows: int) -> csv_fast.Part:
        features = np.empty((rows, self.columns.stop - self.columns.start))
        metadata = [
            parse_record(record, self.columns, features[i], self.source.name) for i, record in enumerate(part)
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
        """Yield the batches of the file."""
        return parquet_parts(self.source, self.columns, rows)


class TableReader:
    """One or more files with the same header, read in order. It can be iterated over repeatedly, for chunks.

    `features` and `metadata_columns` (those before and after the features) are known before the first chunk.
    Memory is limited to a few chunks, however large the files are. Iterating raises TableError naming the
    file, row and column of whatever cannot be read.
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
                raise TableError("the file has a header but no samples. Export it again", file=table.name)

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
    chunk_rows: int = CHUNK_ROWS,
    expansion_limit: int = EXPANSION_LIMIT,
) -> TableReader:
    """Open a single table; `path` may be a seekable binary stream. See `open_tables`."""
    return open_tables([(path, name)], config=config, chunk_rows=chunk_rows, expansion_limit=expansion_limit)


def open_tables(
    files: Sequence[tuple[Origin, str]],
    *,
    config: EngineConfig,
    chunk_rows: int = CHUNK_ROWS,
    expansion_limit: int = EXPANSION_LIMIT,
) -> TableReader:
    """Open (origin, name) files as one table, in order. Content determines the format, not the name.

    Raises TableError if a file is not a table, has no valid header, lacks the configured columns (with a
    suggestion), or has a different header from the first file.
    """
    tables = [_open(Source(origin, name, expansion_limit), config) for origin, name in files]
    if not tables:
        raise TableError("the upload contains no file")
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


def require_samples(count: int, *, file: str, minimum: int = MIN_SAMPLES) -> None:
    """Raise TableError if a file has fewer samples than `minimum`."""
    if count < minimum:
        plural = "" if count == 1 else "s"
        raise TableError(
            f"the file has {count} sample{plural}, but at least {minimum} are required", file=file
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
