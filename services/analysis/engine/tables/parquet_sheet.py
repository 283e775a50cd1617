"""A Parquet file as a sheet. What its pages expand to is checked before they are unpacked."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO, Self

import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as arrow_parquet

from ..errors import TableError
from .cells import column_kind
from .columns import checked_header
from .limits import Limits, size_words
from .metadata import texts
from .parquet_pages import DELTA_BYTE_ARRAY, DICTIONARY_PAGE, BadPage, pages
from .parquet_text import check_text, is_text, text_bytes
from .sheet import SAMPLED_ROWS, Batch, Expected
from .sources import Source
from .understood import LeftOut, Understood
from .unpacking import too_large

DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""Arrow's exceptions for bytes that are not Parquet; broken names turn up as undecodable text."""

BUFFER_BYTES = 2**16
"""Read at once from a column. Without a limit, Arrow reads a whole row group, possibly the whole file."""

BATCH_ROWS = 1024

OPEN_PAGES_FACTOR = 16
"""Pages of all columns are in memory together: in sum, they may be this many times the bytes of a batch."""

MAX_LIST_VALUES = 2**27
"""Values of a list column in one row group, 1 GiB of numbers."""


@dataclass(frozen=True, slots=True)
class ParquetSheet:
    """A Parquet file whose schema has been read. Lists of numbers of one length are columns of their own."""

    source: Source
    header: tuple[str, ...]
    order: tuple[int, ...]
    spread: tuple[int, ...]
    rows_at_once: int
    recurring: tuple[str, ...]
    kinds: tuple[str, ...]
    sample: list[list[str]]
    header_row: int | None = None

    @classmethod
    def open(cls, source: Source) -> Self:
        """Read the schema, check the pages, and sample some rows. Raises TableError."""
        with source.open_seekable() as stream:
            file = _opened(source, stream)
            rows_at_once, recurring = _checked(source, file, stream)
            file = _opened(source, stream, recurring)
            schema, stored = file.schema_arrow, file.metadata.metadata or {}
            order = _order(schema, stored.get(b"pandas"))
            try:
                first = next(
                    file.iter_batches(batch_size=min(SAMPLED_ROWS, rows_at_once), use_threads=False), None
                )
            except DAMAGE as error:
                raise _damaged(source, error) from error
        names, spread = [], []
        for place in order:
            length = 0 if first is None else _list_length(first.column(place))
            spread.append(length)
            name = schema.names[place]
            names += [f"{name}_{index}" for index in range(length)] if length else [name]
        if len(names) > source.limits.columns:
            raise _too_wide(source, len(names))
        header = checked_header(names, source.name, None)
        sheet = cls(source, header, order, tuple(spread), rows_at_once, recurring, (), [])
        if first is None:
            return cls(
                source, header, order, tuple(spread), rows_at_once, recurring, ("empty",) * len(header), []
            )
        (batch,) = sheet._batches(first, 0)
        columns = [texts(batch, place) for place in range(len(header))]
        kinds = tuple(_kind(column, cells) for column, cells in zip(batch.columns, columns, strict=True))
        sample = [[cell or "" for cell in row] for row in zip(*columns, strict=True)]
        return cls(source, header, order, tuple(spread), rows_at_once, recurring, kinds, sample)

    @property
    def name(self) -> str:
        """The file's name."""
        return self.source.name

    @property
    def understood(self) -> Understood:
        """How the file is read."""
        return Understood(form="parquet", archive=self.source.archive)

    def batches(
        self, left_out: list[LeftOut] | None = None, expected: Expected | None = None
    ) -> Iterator[Batch]:
        """Yield all rows."""
        first_row = 0
        with self.source.open_seekable() as stream:
            file = _opened(self.source, stream, self.recurring)
            try:
                for batch in file.iter_batches(batch_size=self.rows_at_once, use_threads=False):
                    yield from self._batches(batch, first_row)
                    first_row += batch.num_rows
            except DAMAGE as error:
                raise _damaged(self.source, error) from error

    def _batches(self, batch: pa.RecordBatch, first_row: int) -> Iterator[Batch]:
        columns: list[pa.Array] = []
        for place, length in zip(self.order, self.spread, strict=True):
            column = _without_extension(batch.column(place))
            columns += self._spread(column, length, first_row) if length else [column]
        check_text(columns, self.header, self.source, first_row)
        whole = Batch(columns, first_row, lambda row: first_row + row + 1, text=False)
        rows = whole.rows
        while rows > 1 and text_bytes(columns) * rows // max(1, whole.rows) > self.source.limits.batch_bytes:
            rows //= 2
        for start in range(0, whole.rows, max(1, rows)):
            yield whole.part(start, min(start + rows, whole.rows))

    def _spread(self, column: pa.Array, length: int, first_row: int) -> list[pa.Array]:
        lengths = compute.list_value_length(column)
        wrong = compute.index(compute.not_equal(compute.fill_null(lengths, length), length), True).as_py()
        if wrong >= 0:
            raise TableError(
                f"this list has {lengths[wrong].as_py()} values, but the one in the first row has {length}."
                " Give all lists the same length",
                file=self.name,
                row=first_row + wrong + 1,
                code="list_length",
                params={"values": lengths[wrong].as_py(), "expected": length},
            )
        return [compute.list_element(column, index) for index in range(length)]


def _opened(source: Source, stream: BinaryIO, recurring: Sequence[str] = ()) -> arrow_parquet.ParquetFile:
    """Open a file. A text of `recurring` columns stays one: a dictionary can stand for many gigabytes."""
    try:
        stream.seek(0)
        return arrow_parquet.ParquetFile(
            pa.PythonFile(stream, mode="r"),
            pre_buffer=False,
            buffer_size=BUFFER_BYTES,
            read_dictionary=list(recurring),
        )
    except DAMAGE as error:
        raise _damaged(source, error) from error


def _damaged(source: Source, error: Exception) -> Exception:
    if isinstance(error, TableError):
        return error
    first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
    return TableError(
        f"the Parquet file is damaged or truncated ({first_line[:200]})",
        file=source.name,
        code="damaged_file",
    )


def _checked(
    source: Source, file: arrow_parquet.ParquetFile, stream: BinaryIO
) -> tuple[int, tuple[str, ...]]:
    """Return how many rows may be read at once, and the text columns whose values may recur.

    Raises TableError if the file expands too far.
    """
    limits, metadata = source.limits, file.metadata
    width = metadata.num_columns
    if width > limits.columns:
        raise _too_wide(source, width)
    if metadata.num_rows > limits.rows:
        raise TableError(
            f"the table has {metadata.num_rows:,} rows, but at most {limits.rows:,} are allowed. Split it up",
            file=source.name,
            code="too_many_rows",
            params={"limit": limits.rows},
        )
    if metadata.num_rows * max(1, width) * 8 > limits.expanded_bytes:
        raise too_large(source.name, limits)
    rows = BATCH_ROWS
    recurring = {field.name for field in file.schema_arrow if is_text(field.type)}
    for group in range(metadata.num_row_groups):
        largest, row_group = 0, metadata.row_group(group)
        for place in range(width):
            chunk = row_group.column(place)
            try:
                size, at_once = _chunk(source, chunk, row_group.num_rows, stream)
                if at_once < BATCH_ROWS:  # Arrow cannot keep these texts apart
                    recurring.discard(chunk.path_in_schema)
            except BadPage as error:
                raise _damaged(source, error) from error
            largest += size
            rows = min(rows, at_once)
        if largest > OPEN_PAGES_FACTOR * limits.batch_bytes:
            raise _page_too_large(source, largest, limits)
    return rows, tuple(sorted(recurring))


def _chunk(
    source: Source, chunk: arrow_parquet.ColumnChunkMetaData, group_rows: int, stream: BinaryIO
) -> tuple[int, int]:
    """Return the bytes of a column that are in memory together, and how many rows may be read at once."""
    limits = source.limits
    starts = [at for at in (chunk.dictionary_page_offset, chunk.data_page_offset) if at]
    dictionary = largest = values = total = 0
    rows = BATCH_ROWS
    for page in pages(stream, min(starts), chunk.total_compressed_size):
        if page.size > limits.batch_bytes:
            raise _page_too_large(source, page.size, limits)
        total += page.size
        if page.kind == DICTIONARY_PAGE:
            dictionary += page.size
        else:
            largest = max(largest, page.size)
            values += page.values
        if page.encoding == DELTA_BYTE_ARRAY:  # every text of a page may repeat almost all of it
            rows = min(BATCH_ROWS - 1, rows, max(1, limits.batch_bytes // (4 * max(1, page.size))))
    source.meter.add(total, source.name, limits)
    nested = "." in chunk.path_in_schema
    if nested and values > min(MAX_LIST_VALUES, limits.columns * max(1, group_rows)):
        raise _page_too_large(source, values * 8, limits)
    return dictionary + largest, rows


def _page_too_large(source: Source, size: int, limits: Limits) -> TableError:
    return TableError(
        f"parts of the file that have to be read at once expand to {size_words(size)}. Write it with"
        " smaller pages"
        " and row groups",
        file=source.name,
        code="expands_too_far",
        params={"limit": limits.batch_bytes},
    )


def _too_wide(source: Source, width: int) -> TableError:
    limit = source.limits.columns
    return TableError(
        f"the table has {width:,} columns, but at most {limit:,} are allowed. Split it up",
        file=source.name,
        code="too_many_columns",
        params={"limit": limit},
    )


def _order(schema: pa.Schema, pandas: bytes | None) -> tuple[int, ...]:
    """Return the columns with those first that pandas stored as its index; it writes them last."""
    places = range(len(schema.names))
    try:
        index = json.loads(pandas)["index_columns"] if pandas else []
        first = [place for place in places if schema.names[place] in index]
    except (ValueError, KeyError, TypeError, RecursionError):
        first = []
    first = first or [place for place in places if schema.names[place].startswith("__index_level_")]
    return (*first, *(place for place in places if place not in set(first)))


def _list_length(column: pa.Array) -> int:
    """Return the length of the lists of numbers in a column, if they have one; otherwise 0."""
    kind = column.type
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)):
        return 0
    if not (pa.types.is_floating(kind.value_type) or pa.types.is_integer(kind.value_type)):
        return 0
    lengths = {length for length in compute.list_value_length(column).to_pylist() if length is not None}
    return int(lengths.pop()) if len(lengths) == 1 else 0


def _without_extension(column: pa.Array) -> pa.Array:
    return column.storage if isinstance(column, pa.ExtensionArray) else column


def _kind(column: pa.Array, cells: list[str | None]) -> str:
    kind = column.type
    if column.null_count == len(column):
        return "empty"
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        return "number"
    if pa.types.is_boolean(kind):
        return "switch"
    if pa.types.is_temporal(kind):
        return "time"
    return column_kind([cell or "" for cell in cells])
