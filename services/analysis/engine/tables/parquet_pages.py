"""Reads the page headers of a Parquet file, which say what its pages expand to, before they are unpacked.

The sizes in the footer are only promises; a reader allocates what the page headers say. They are structs in
Thrift's compact protocol (apache/parquet-format, parquet.thrift; apache/thrift, "Thrift compact protocol").
"""

from __future__ import annotations

import io
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

HEADER_BYTES = 1024
"""Read at once for a page header; one with long statistics is read again, larger."""

MAX_HEADER_BYTES = 2**20
MAX_NESTING = 8

DICTIONARY_PAGE = 2
DELTA_BYTE_ARRAY = 7
DATA_HEADERS = ((5, 2), (8, 4))
"""The fields of a page header that hold the header of a data page (of version 1, 2), and those of its
encoding."""


class BadPage(ValueError):
    """A page header that is damaged."""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its kind, its unpacked size, its number of values, and the encoding of a data page."""

    kind: int
    size: int
    values: int
    encoding: int | None


def pages(file: BinaryIO, start: int, length: int) -> Iterator[Page]:
    """Yield the pages of a column chunk. Raises BadPage."""
    at, end = start, start + length
    if start < 0 or end > file.seek(0, io.SEEK_END):
        raise BadPage("a column lies outside the file")
    while at < end:
        header, used = _header(file, at, end)
        size, packed = header.get(2), header.get(3)
        if not isinstance(size, int) or not isinstance(packed, int) or size < 0 or packed < 0:
            raise BadPage("a page has no size")
        kind = header.get(1)
        values, encoding = 0, None
        for field, encoding_field in DATA_HEADERS:
            inner = header.get(field)
            if isinstance(inner, dict):
                values, encoding = inner.get(1, 0), inner.get(encoding_field)
        if not isinstance(values, int) or values < 0 or not isinstance(kind, int):
            raise BadPage("a page has no kind or number of values")
        yield Page(kind, size, values, encoding if isinstance(encoding, int) else None)
        at += used + packed


def _header(file: BinaryIO, at: int, end: int) -> tuple[dict[int, Any], int]:
    size = HEADER_BYTES
    while True:
        file.seek(at)
        data = file.read(min(size, end - at))
        try:
            return _struct(data, 0, 0)
        except (IndexError, struct.error):
            if size >= MAX_HEADER_BYTES or len(data) < size:
                raise BadPage("a page header is incomplete") from None
            size *= 8


def _struct(data: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """Return the fields of a struct by their numbers, and where it ends."""
    if depth > MAX_NESTING:
        raise BadPage("a page header is nested too deep")
    fields: dict[int, Any] = {}
    number = 0
    while True:
        head = data[at]
        at += 1
        if head == 0:
            return fields, at
        kind = head & 15
        if head >> 4:
            number += head >> 4
        else:
            number, at = _zigzag(data, at)
        fields[number], at = _value(data, at, kind, depth, in_struct=True)


def _value(data: bytes, at: int, kind: int, depth: int, *, in_struct: bool = False) -> tuple[Any, int]:
    if kind in (1, 2):  # a struct keeps a boolean in its type, a list in a byte
        return kind == 1, at if in_struct else at + 1
    if kind == 3:
        return data[at], at + 1
    if kind in (4, 5, 6):
        return _zigzag(data, at)
    if kind == 7:
        return struct.unpack_from("<d", data, at)[0], at + 8
    if kind == 8:
        length, at = _varint(data, at)
        if at + length > len(data):
            raise IndexError
        return data[at : at + length], at + length
    if kind in (9, 10):
        head = data[at]
        at += 1
        length, inner = head >> 4, head & 15
        if length == 15:
            length, at = _varint(data, at)
        items = []
        for _ in range(length):
            item, at = _value(data, at, inner, depth + 1)
            items.append(item)
        return items, at
    if kind == 12:
        return _struct(data, at, depth + 1)
    raise BadPage(f"a page header has a field of the unknown type {kind}")


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise BadPage("a number in a page header is too long")


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at
