"""Arrays of numbers in PostgreSQL's binary format, straight from and to numpy: no Python number is made.

So a chunk of 256 x 1,024 values is encoded in a few milliseconds, where a list as query parameter would hold
up the event loop for tens of them.
"""

import struct
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

FLOAT8_OID = 701
COPY_SIGNATURE = b"PGCOPY\n\xff\r\n\0" + struct.pack(">ii", 0, 0)
COPY_TRAILER = struct.pack(">h", -1)
JSONB_VERSION = b"\x01"
# Each number in an array carries its length in front.
ELEMENT = np.dtype([("length", ">i4"), ("value", ">f8")])


def encode_floats(values: NDArray[np.float64]) -> bytes:
    """The binary form of a FLOAT[] or FLOAT[][] value."""
    header = struct.pack(">iii", values.ndim, 0, FLOAT8_OID)
    sizes = b"".join(struct.pack(">ii", size, 1) for size in values.shape)
    elements = np.empty(values.size, dtype=ELEMENT)
    elements["length"] = 8
    elements["value"] = values.reshape(-1)
    return header + sizes + elements.tobytes()


def decode_floats(sent: bytes) -> NDArray[np.float64]:
    """Read what `array_send` of a FLOAT array without nulls gives; shape and order are kept."""
    dimensions = struct.unpack_from(">i", sent)[0]
    if dimensions == 0:
        return np.empty(0)
    shape = [struct.unpack_from(">i", sent, 12 + 8 * axis)[0] for axis in range(dimensions)]
    elements = np.frombuffer(sent, dtype=ELEMENT, offset=12 + 8 * dimensions)
    return elements["value"].astype(np.float64).reshape(shape)


def copy_row(fields: Sequence[Any]) -> bytes:
    """One record for a binary COPY: UUIDs, integers, float arrays and JSON values (lists and mappings)."""
    encoded = [_field(value) for value in fields]
    return struct.pack(">h", len(encoded)) + b"".join(struct.pack(">i", len(e)) + e for e in encoded)


def copy_file(rows: Sequence[bytes]) -> bytes:
    """A whole binary COPY stream."""
    return b"".join((COPY_SIGNATURE, *rows, COPY_TRAILER))


def _field(value: Any) -> bytes:
    if isinstance(value, UUID):
        return value.bytes
    if isinstance(value, int):
        return struct.pack(">i", value)
    if isinstance(value, np.ndarray):
        return encode_floats(value)
    return JSONB_VERSION + orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)
