"""Converts numpy arrays to and from PostgreSQL's binary format without creating Python numbers.

A chunk of 256 x 1,024 values is encoded in a few milliseconds; as a list in a query parameter, it would block
the event loop for tens of milliseconds.
"""

import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

FLOAT8_OID = 701
BOOL_OID = 16
COPY_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
COPY_TRAILER = struct.pack(">h", -1)
JSONB_VERSION = b"\x01"
# In an array, its length precedes each number.
ELEMENT = np.dtype([("length", ">i4"), ("value", ">f8")])


def encode_floats(values: NDArray[np.float64]) -> bytes:
    """Encode a FLOAT[] or FLOAT[][] value."""
    header = struct.pack(">iii", values.ndim, 0, FLOAT8_OID)
    sizes = b"".join(struct.pack(">ii", size, 1) for size in values.shape)
    elements = np.empty(values.size, dtype=ELEMENT)
    elements["length"] = 8
    elements["value"] = values.reshape(-1)
    return header + sizes + elements.tobytes()


def encode_booleans(values: Sequence[bool]) -> bytes:
    """Encode a BOOLEAN[] value."""
    if not values:
        return struct.pack(">iii", 0, 0, BOOL_OID)
    header = struct.pack(">iiiii", 1, 0, BOOL_OID, len(values), 1)
    return header + b"".join(struct.pack(">i?", 1, value) for value in values)


def decode_floats(sent: bytes) -> NDArray[np.float64]:
    """Decode the `array_send` of a FLOAT array without nulls, with its shape."""
    dimensions = struct.unpack_from(">i", sent)[0]
    if dimensions == 0:
        return np.empty(0)
    shape = [struct.unpack_from(">i", sent, 12 + 8 * axis)[0] for axis in range(dimensions)]
    elements = np.frombuffer(sent, dtype=ELEMENT, offset=12 + 8 * dimensions)
    return elements["value"].astype(np.float64).reshape(shape)


def copy_row(fields: Sequence[Any]) -> bytes:
    """Encode a row for a binary COPY: UUIDs, integers, float arrays and JSON values (lists and mappings)."""
    encoded = [_field(value) for value in fields]
    return struct.pack(">h", len(encoded)) + b"".join(struct.pack(">i", len(e)) + e for e in encoded)


def copy_file(rows: Sequence[bytes]) -> bytes:
    """Join rows to a complete binary COPY stream."""
    return b"".join((COPY_SIGNATURE, *rows, COPY_TRAILER))


def _field(value: Any) -> bytes:
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, int):
        return struct.pack(">i", value)
    if isinstance(value, np.ndarray):
        return encode_floats(value)
    return JSONB_VERSION + orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
