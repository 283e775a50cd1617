"""Reads Parquet tables."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as compute
import pyarrow.parquet as arrow_parquet
from numpy.typing import NDArray

from ..config import EngineConfig
from ..errors import TableError
from .columns import Columns, Value, checked_header, metadata_value, select_columns
from .sources import Source

Floats = NDArray[np.float64]
Part = tuple[Floats, list[dict[str, Value]]]

DAMAGE = (pa.ArrowException, OSError, UnicodeDecodeError)
"""Arrow's exceptions for bytes that are not Parquet; broken names turn up as undecodable text."""

BUFFER_BYTES = 2**16
"""Read at once from a column. Without a limit, Arrow reads a whole row group, possibly the whole file."""


def parquet_columns(source: Source, config: EngineConfig) -> Columns:
    """Return the columns of a Parquet file, from its schema alone."""
    with source.open() as stream:
        file = _opened(source, stream)
        schema = file.schema_arrow
        rows = file.metadata.num_rows
    names = checked_header(schema.names, source.name, None)
    if rows * max(1, len(names)) * 8 > source.expansion_limit:
        raise TableError(
            f"the table expands to more than {source.expansion_limit / 2**30:.3g} GiB. Split it into several"
            " files",
            file=source.name,
        )
    return select_columns(names, [_numeric(field.type) for field in schema], config, source.name, None)


def parquet_parts(source: Source, columns: Columns, rows: int) -> Iterator[Part]:
    """Yield features (m, d) and metadata of successive rows, at most `rows` at a time."""
    first = 0
    with source.open() as stream:
        file = _opened(source, stream)
        try:
            for batch in file.iter_batches(batch_size=rows, use_threads=False):
                yield (
                    _features(batch, columns, source.name, first),
                    _metadata(batch, columns, source.name, first),
                )
                first += batch.num_rows
        except DAMAGE as error:
            raise _damaged(source, error) from error


def _opened(source: Source, stream: object) -> arrow_parquet.ParquetFile:
    try:
        return arrow_parquet.ParquetFile(
            pa.PythonFile(stream, mode="r"), pre_buffer=False, buffer_size=BUFFER_BYTES
        )
    except DAMAGE as error:
        raise _damaged(source, error) from error


def _damaged(source: Source, error: Exception) -> TableError:
    first_line = str(error).splitlines()[0] if str(error) else type(error).__name__
    return TableError(f"the Parquet file is damaged or truncated ({first_line[:200]})", file=source.name)


def _numeric(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _features(batch: pa.RecordBatch, columns: Columns, file: str, first: int) -> Floats:
    features = np.empty((batch.num_rows, columns.stop - columns.start))
    for place in range(columns.start, columns.stop):
        column, name = batch.column(place), columns.header[place]
        if not _numeric(column.type):
            raise TableError(
                f"the column contains {column.type}, not numbers. Convert it, or move it to the metadata",
                file=file,
                row=first + 1,
                column=name,
            )
        values = compute.cast(column, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        bad = np.flatnonzero(~np.isfinite(values))
        if bad.size:
            raise TableError(
                "the value is missing or not a finite number. Correct it or remove the row",
                file=file,
                row=first + int(bad[0]) + 1,
                column=name,
            )
        features[:, place - columns.start] = values
    return features


def _metadata(batch: pa.RecordBatch, columns: Columns, file: str, first: int) -> list[dict[str, Value]]:
    entries: list[dict[str, Value]] = [{} for _ in range(batch.num_rows)]
    for place in (*range(columns.start), *range(columns.stop, len(columns.header))):
        name = columns.header[place]
        for i, (entry, value) in enumerate(zip(entries, _cells(batch.column(place)), strict=True)):
            try:
                entry[name] = _value(value)
            except ValueError as error:
                raise TableError(str(error), file=file, row=first + i + 1, column=name) from None
    return entries


def _cells(column: pa.Array) -> list[object]:
    """Return a column's values. Times that Python cannot represent are returned as Arrow's text."""
    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":
        column = compute.cast(column, pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_time64(kind):
        column = compute.cast(column, pa.time64("us"), safe=False)
    elif pa.types.is_duration(kind):
        column = compute.cast(column, pa.duration("us"), safe=False)
    try:
        return list(column.to_pylist())
    except (ValueError, OverflowError):  # a year beyond 9999, or an unknown time zone
        if pa.types.is_timestamp(kind):
            column = compute.cast(column, pa.timestamp(column.type.unit))
        return list(compute.cast(column, pa.string()).to_pylist())


def _value(value: object) -> Value:
    """Return a Parquet value as metadata: numbers stay numbers, dates become ISO 8601, others text."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, bytes):
        value = value.decode("utf-8", errors="replace")
    text = str(value)
    metadata_value(text)  # checks the limits of a CSV cell; text is not converted to a number
    return text or None
