"""The fast CSV reader (Apache Arrow). It leaves everything unusual to the strict reader."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
from numpy.typing import NDArray

from .columns import Columns, Value, metadata_value
from .sources import Source

Floats = NDArray[np.float64]
Part = tuple[Floats, list[dict[str, Value]]]

MIN_BLOCK_BYTES, MAX_BLOCK_BYTES = 2**20, 2**21
"""Bytes in a block of Arrow's; it holds a few blocks, so this bounds the memory."""

MAX_CACHED_CELLS = 4096
"""Metadata values recur (machine, run, label)."""


class NeedsStrictReader(Exception):
    """The fast reader found something that only the strict reader can handle or report."""


def parts(
    source: Source, columns: Columns, delimiter: str, header_lines: int, row_bytes: int, rows: int
) -> Iterator[Part]:
    """Yield features (m, d) and metadata of successive rows, `rows` at a time. Raises NeedsStrictReader.

    `header_lines` are skipped; `row_bytes` is the length of the longest row seen so far.
    """
    features = set(columns.features)
    types = {name: pa.float64() if name in features else pa.string() for name in columns.header}
    block = min(max(row_bytes * rows, MIN_BLOCK_BYTES), MAX_BLOCK_BYTES)
    with source.open() as stream:
        try:
            reader = arrow_csv.open_csv(
                pa.PythonFile(stream, mode="r"),
                read_options=arrow_csv.ReadOptions(
                    column_names=list(columns.header),
                    skip_rows=header_lines,
                    block_size=max(block, 2 * row_bytes),
                ),
                parse_options=arrow_csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=arrow_csv.ConvertOptions(
                    column_types=types, null_values=[], strings_can_be_null=False
                ),
            )
            yield from _regrouped(reader, columns, rows)
        except pa.ArrowInvalid as error:
            raise NeedsStrictReader(str(error)) from error


def _regrouped(reader: arrow_csv.CSVStreamingReader, columns: Columns, rows: int) -> Iterator[Part]:
    """Regroup the reader's batches into parts of exactly `rows` rows; the last may be shorter."""
    cached = lru_cache(MAX_CACHED_CELLS)(metadata_value)
    waiting: list[pa.RecordBatch] = []
    count = 0
    for batch in reader:
        offset = 0
        while count + batch.num_rows - offset >= rows:
            piece = batch.slice(offset, rows - count)
            offset += piece.num_rows
            yield _convert([*waiting, piece], columns, cached)
            waiting, count = [], 0
        if offset < batch.num_rows:
            waiting.append(batch.slice(offset))
            count += batch.num_rows - offset
    if count:
        yield _convert(waiting, columns, cached)


def _convert(batches: list[pa.RecordBatch], columns: Columns, convert: Callable[[str], Value]) -> Part:
    total = sum(batch.num_rows for batch in batches)
    features = np.empty((total, columns.stop - columns.start))
    row = 0
    for batch in batches:
        for place in range(columns.start, columns.stop):
            features[row : row + batch.num_rows, place - columns.start] = batch.column(place).to_numpy()
        row += batch.num_rows
    if not np.isfinite(features).all():
        raise NeedsStrictReader("a feature is not finite")
    metadata: list[dict[str, Value]] = [{} for _ in range(total)]
    for place in (*range(columns.start), *range(columns.stop, len(columns.header))):
        name = columns.header[place]
        cells = (cell for batch in batches for cell in batch.column(place).to_pylist())
        try:
            for entry, cell in zip(metadata, cells, strict=True):
                entry[name] = convert(cell)
        except ValueError as error:
            raise NeedsStrictReader(str(error)) from error
    return features, metadata
