"""Makes metadata of cells: text, numbers that clearly are numbers, and times as ISO 8601."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Sequence
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as compute

from ..errors import TableError
from .columns import Value, metadata_value
from .mixed import is_mixed, parts
from .sheet import Batch

MAX_CACHED_CELLS = 4096
"""Metadata recur (machine, run, label), and a value that recurs is kept once."""


class Metadata:
    """Converts the metadata columns of one sheet's batches."""

    def __init__(self, header: Sequence[str], places: Sequence[int], decimal_mark: str, file: str) -> None:
        self._header, self._places, self._file = header, places, file
        self._convert = lru_cache(MAX_CACHED_CELLS)(lambda cell: metadata_value(cell, decimal_mark))

    def convert(self, batch: Batch) -> list[dict[str, Value]]:
        """Return one entry per row. Raises TableError naming a cell that cannot be stored."""
        entries: list[dict[str, Value]] = [{} for _ in range(batch.rows)]
        for place in self._places:
            name, column = self._header[place], batch.columns[place]
            text = pa.types.is_string(column.type) and batch.text
            for row, (entry, value) in enumerate(zip(entries, cells(column), strict=True)):
                try:
                    entry[name] = self._convert(value) if text and isinstance(value, str) else _value(value)
                except ValueError as error:
                    raise TableError(
                        str(error), file=self._file, row=batch.locate(row), column=name, code="bad_metadata"
                    ) from None
        return entries


def cells(column: pa.Array) -> list[object]:
    """Return a column's values. Times that Python cannot represent are returned as Arrow's text."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        values = cells(column.dictionary)  # each once, so that equal values are one object
        return [None if index is None else values[index] for index in column.indices.to_pylist()]
    if is_mixed(column):
        numbers, words = (part.to_pylist() for part in parts(column))
        return [number if word is None else word for number, word in zip(numbers, words, strict=True)]
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


def texts(batch: Batch, place: int) -> list[str | None]:
    """Return a column as text: a text file's cells as they are, numbers in full, times as ISO 8601."""
    return [None if (known := _value(value)) is None else str(known) for value in cells(batch.columns[place])]


def _value(value: object) -> Value:
    """Return a typed value as metadata: numbers stay numbers, dates become ISO 8601, others text."""
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
    metadata_value(text)  # checks the limits of a text file's cell; text is not converted to a number
    return text or None
