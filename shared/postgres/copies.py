"""Converts rows in PostgreSQL's binary COPY format to Parquet (zstd) and back, byte for byte.

Parquet is what people and other programs read; the COPY stream is what the database wrote and takes back. As
the conversion loses nothing, a Parquet file is verified by converting it back and comparing the streams.
"""

import json
import math
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
TRAILER = struct.pack(">h", -1)
NULL = -1
# The SQL types of the columns, in the metadata of the Parquet file.
TYPES = b"postgresql"
# A row group is held in memory, once as rows and once as columns.
MAX_GROUP_BYTES = 16 * 2**20
MAX_GROUP_ROWS = 50_000
# PostgreSQL counts microseconds from 2000-01-01, Parquet from 1970-01-01.
EPOCH_MICROSECONDS = 946_684_800_000_000
FLOAT8, BOOL = 701, 16
JSONB_VERSION = b"\x01"

Values = Sequence[bytes | None]
Row = list[bytes | None]


class NotConvertible(Exception):
    """A value that Parquet cannot hold without loss, such as an array with nulls."""


@dataclass(frozen=True, slots=True)
class Column:
    """A column and its type, as `format_type` names it."""

    name: str
    type: str


@dataclass(frozen=True, slots=True)
class _Codec:
    """Converts the values of one SQL type to an Arrow array and back."""

    pack: Callable[[Values], pa.Array]
    unpack: Callable[[pa.Array], Values]


def to_parquet(rows: BinaryIO, columns: Sequence[Column], target: Path) -> int:
    """Convert a binary COPY stream; return the number of rows. Raises NotConvertible."""
    codecs = [_codec(column) for column in columns]
    schema: pa.Schema | None = None
    writer: pq.ParquetWriter | None = None
    count = 0
    try:
        for group in _groups(rows, len(columns)):
            arrays = [codec.pack(values) for codec, values in zip(codecs, group, strict=True)]
            if schema is None:
                schema = _schema(columns, [array.type for array in arrays])
                writer = pq.ParquetWriter(target, schema, compression="zstd", use_dictionary=False)
            assert writer is not None
            try:
                writer.write_table(pa.Table.from_arrays(arrays, schema=schema))
            except (pa.ArrowInvalid, pa.ArrowTypeError, ValueError) as error:
                raise NotConvertible(f"rows differ in shape: {error}") from error
            count += len(group[0])
    finally:
        if writer is not None:
            writer.close()
    if schema is None:
        schema = _schema(columns, [codec.pack([]).type for codec in codecs])
        pq.write_table(schema.empty_table(), target, compression="zstd")
    return count


def to_copy(source: Path, target: BinaryIO) -> Sequence[Column]:
    """Convert a Parquet file of `to_parquet` back to the stream that it was made from."""
    with pq.ParquetFile(source) as file:
        columns = _columns(file.schema_arrow)
        codecs = [_codec(column) for column in columns]
        write_rows(target, len(columns), _rows(file, codecs))
    return columns


def _rows(file: pq.ParquetFile, codecs: Sequence[_Codec]) -> Iterator[Sequence[bytes | None]]:
    for number in range(file.num_row_groups):
        table = file.read_row_group(number)
        packed = [codec.unpack(table.column(place).combine_chunks()) for place, codec in enumerate(codecs)]
        yield from zip(*packed, strict=True)


def _schema(columns: Sequence[Column], types: Sequence[pa.DataType]) -> pa.Schema:
    fields = [pa.field(column.name, kind) for column, kind in zip(columns, types, strict=True)]
    told = json.dumps([[column.name, column.type] for column in columns]).encode()
    return pa.schema(fields, metadata={TYPES: told})


def _columns(schema: pa.Schema) -> Sequence[Column]:
    return [Column(name, kind) for name, kind in json.loads(schema.metadata[TYPES])]


def _groups(rows: BinaryIO, width: int) -> Iterator[list[list[bytes | None]]]:
    """Columns of a bounded number of rows at a time."""
    group: list[list[bytes | None]] = [[] for _ in range(width)]
    size = 0
    for row in read_rows(rows, width):
        for column, value in zip(group, row, strict=True):
            column.append(value)
            size += len(value or b"")
        if size >= MAX_GROUP_BYTES or len(group[0]) >= MAX_GROUP_ROWS:
            yield group
            group, size = [[] for _ in range(width)], 0
    if group[0]:
        yield group


def read_rows(rows: BinaryIO, width: int) -> Iterator[Row]:
    """The rows of a binary COPY stream with so many columns. Raises NotConvertible for anything else."""
    if rows.read(len(SIGNATURE)) != SIGNATURE:
        raise NotConvertible("the stream is not in PostgreSQL's binary COPY format")
    while (fields := struct.unpack(">h", rows.read(2))[0]) != -1:
        if fields != width:
            raise NotConvertible(f"a row has {fields} fields instead of {width}")
        row: Row = []
        for _ in range(width):
            length = struct.unpack(">i", rows.read(4))[0]
            row.append(None if length == NULL else rows.read(length))
        yield row


def write_rows(target: BinaryIO, width: int, rows: Iterable[Sequence[bytes | None]]) -> None:
    """Write rows as a binary COPY stream."""
    target.write(SIGNATURE)
    head = struct.pack(">h", width)
    for row in rows:
        target.write(head + b"".join(_field(value) for value in row))
    target.write(TRAILER)


def _field(value: bytes | None) -> bytes:
    return struct.pack(">i", NULL) if value is None else struct.pack(">i", len(value)) + value


# Types of a fixed size


def _fixed(dtype: str, kind: pa.DataType, shift: int = 0) -> _Codec:
    """Numbers: big-endian in PostgreSQL. `shift` is added on the way to Arrow, with wrap-around."""
    size = np.dtype(dtype).itemsize

    def pack(values: Values) -> pa.Array:
        joined = b"".join(bytes(size) if value is None else value for value in values)
        numbers = np.frombuffer(joined, dtype=dtype)
        numbers = numbers.astype(numbers.dtype.newbyteorder("="))
        # Adding 0 would turn -0.0 into 0.0.
        numbers = numbers + numbers.dtype.type(shift) if shift else numbers
        if kind == pa.bool_():
            return pa.array(numbers.astype(bool), mask=_mask(values))
        return pa.Array.from_buffers(
            kind, len(values), [_validity(values), pa.py_buffer(np.ascontiguousarray(numbers))]
        )

    def unpack(array: pa.Array) -> Values:
        present = np.asarray(array.is_valid())
        if kind == pa.bool_():
            raw = np.asarray(array.fill_null(False)).astype("u1")
        else:
            plain = array.cast(pa.int64()) if pa.types.is_timestamp(kind) else array
            raw = np.asarray(plain.fill_null(0))
            raw = raw - raw.dtype.type(shift) if shift else raw
        joined = raw.astype(dtype).tobytes()
        return [
            joined[place * size : (place + 1) * size] if here else None for place, here in enumerate(present)
        ]

    return _Codec(pack, unpack)


def _mask(values: Values) -> Any:
    return np.fromiter((value is None for value in values), dtype=bool, count=len(values))


def _validity(values: Values) -> pa.Buffer | None:
    mask = _mask(values)
    return pa.py_buffer(np.packbits(~mask, bitorder="little")) if mask.any() else None


def _uuids(values: Values) -> pa.Array:
    return pa.ExtensionArray.from_storage(pa.uuid(), pa.array(values, pa.binary(16)))


def _uuid_bytes(array: pa.Array) -> Values:
    found: Values = array.storage.to_pylist()
    return found


# Texts


def _texts(values: Values) -> pa.Array:
    return pa.array(values, pa.binary()).cast(pa.string())


def _text_bytes(array: pa.Array) -> Values:
    found: Values = array.cast(pa.binary()).to_pylist()
    return found


def _documents(values: Values) -> pa.Array:
    if any(value is not None and value[:1] != JSONB_VERSION for value in values):
        raise NotConvertible("a JSON document in an unknown format")
    return _texts([None if value is None else value[1:] for value in values])


def _document_bytes(array: pa.Array) -> Values:
    return [None if value is None else JSONB_VERSION + value for value in _text_bytes(array)]


# Arrays: a header (dimensions, nulls, type), size and lower bound of each dimension, then each element


def _list(element: int, dtype: str, kind: pa.DataType) -> _Codec:
    """Arrays of one or two dimensions, without nulls, counted from 1; empty ones have no dimension."""
    cell = np.dtype([("length", ">i4"), ("value", dtype)])
    size = np.dtype(dtype).itemsize

    def numbers(value: bytes) -> tuple[tuple[int, ...], Any]:
        dimensions, _, oid = struct.unpack_from(">iii", value)
        bounds = struct.unpack_from(">" + "ii" * dimensions, value, 12)
        if oid != element or dimensions > 2 or any(low != 1 for low in bounds[1::2]):
            raise NotConvertible("an array of another type, with more dimensions or other bounds")
        shape, start = bounds[::2], 12 + 8 * dimensions
        if len(value) - start != math.prod(shape) * cell.itemsize * (dimensions > 0):
            raise NotConvertible("an array contains null")
        cells = np.frombuffer(value, dtype=cell, offset=start)
        return shape, cells["value"]

    def pack(values: Values) -> pa.Array:
        found = [None if value is None else numbers(value) for value in values]
        flat = [cells for one in found if one is not None for cells in (one[1],)]
        joined = np.concatenate(flat) if flat else np.empty(0, dtype)
        joined = joined.astype(joined.dtype.newbyteorder("="))
        elements = pa.array(joined.astype(bool) if kind == pa.bool_() else joined, kind)
        shapes = [() if one is None else one[0] for one in found]
        if any(len(shape) == 2 for shape in shapes):
            if any(len(shape) == 1 for shape in shapes):
                raise NotConvertible("arrays of one and of two dimensions in one column")
            widths = [shape[1] for shape in shapes if shape for _ in range(shape[0])]
            elements = pa.ListArray.from_arrays(_offsets(widths), elements)
        lengths = [shape[0] if shape else 0 for shape in shapes]
        return pa.ListArray.from_arrays(_offsets(lengths), elements, mask=pa.array(_mask(values)))

    def unpack(array: pa.Array) -> Values:
        return [None if not item.is_valid else _array(item.values) for item in array]

    def _array(inner: pa.Array) -> bytes:
        if len(inner) == 0:
            return struct.pack(">iii", 0, 0, element)
        shape: tuple[int, ...] = (len(inner),)
        if pa.types.is_list(inner.type):
            flat = inner.flatten()
            shape = (len(inner), len(flat) // len(inner))
            inner = flat
        cells = np.empty(len(inner), dtype=cell)
        cells["length"], cells["value"] = size, np.asarray(inner)
        bounds = b"".join(struct.pack(">ii", length, 1) for length in shape)
        return struct.pack(">iii", len(shape), 0, element) + bounds + cells.tobytes()

    return _Codec(pack, unpack)


def _offsets(lengths: Sequence[int]) -> pa.Array:
    return pa.array(np.concatenate(([0], np.cumsum(lengths, dtype=np.int64))).astype(np.int32), pa.int32())


_CODECS: Mapping[str, _Codec] = {
    "uuid": _Codec(_uuids, _uuid_bytes),
    "smallint": _fixed(">i2", pa.int16()),
    "integer": _fixed(">i4", pa.int32()),
    "bigint": _fixed(">i8", pa.int64()),
    "double precision": _fixed(">f8", pa.float64()),
    "boolean": _fixed("u1", pa.bool_()),
    "timestamp with time zone": _fixed(">i8", pa.timestamp("us", tz="UTC"), EPOCH_MICROSECONDS),
    "text": _Codec(_texts, _text_bytes),
    "bytea": _Codec(lambda values: pa.array(values, pa.binary()), lambda array: array.to_pylist()),
    "jsonb": _Codec(_documents, _document_bytes),
    "double precision[]": _list(FLOAT8, ">f8", pa.float64()),
    "boolean[]": _list(BOOL, "u1", pa.bool_()),
}


def _codec(column: Column) -> _Codec:
    plain = "text" if column.type.startswith("character varying") else column.type
    try:
        return _CODECS[plain]
    except KeyError:
        raise NotConvertible(f"column {column.name} has the type {column.type}") from None
