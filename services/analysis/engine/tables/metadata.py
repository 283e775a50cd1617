"""Makes metadata of cells: text, numbers that clearly are numbers, and times as ISO 8601."""

from __future__ import annotations

import datetime
import decimal
import math
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

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
        names = [self._header[place] for place in self._places]
        columns = [self._column(batch, place) for place in self._places]
        if not columns:
            return [{} for _ in range(batch.rows)]
        if len(names) == 1:  # the usual case, in half the time
            name = names[0]
            return [{name: value} for value in columns[0]]
        return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]

    def _column(self, batch: Batch, place: int) -> list[Value]:
        column = batch.columns[place]
        text = pa.types.is_string(column.type) and batch.text
        values = cells(column)
        convert: Callable[[Any], Value] = self._convert if text else _value
        try:
            return list(map(convert, values))
        except ValueError as error:
            raise TableError(
                str(error),
                file=self._file,
                row=batch.locate(_first_bad(convert, values)),
                column=self._header[place],
                code="bad_metadata",
            ) from None


def _first_bad(convert: Callable[[Any], Value], values: Sequence[object]) -> int:
    for row, value in enumerate(values):
        try:
            convert(value)
        except ValueError:
            return row
    return 0


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
