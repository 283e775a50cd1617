"""Arrays in PostgreSQL's binary format."""

import struct
from uuid import UUID

import numpy as np
import pytest

from services.analysis.database.arrays import copy_file, copy_row, decode_floats, encode_floats


@pytest.mark.parametrize("shape", [(3,), (1, 1), (4, 3), (256, 7)])
def test_a_value_is_decoded_to_what_was_encoded(shape: tuple[int, ...]) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    assert np.array_equal(decode_floats(encode_floats(values)), values)


def test_a_strided_array_is_encoded_row_by_row() -> None:
    values = np.arange(12.0).reshape(3, 4)
    assert np.array_equal(decode_floats(encode_floats(values[:, ::2])), values[:, ::2])


def test_the_bytes_are_postgresqls() -> None:
    """One dimension, no nulls, type float8, 2 elements from index 1, each with its length in front."""
    expected = struct.pack(">iiiii", 1, 0, 701, 2, 1) + struct.pack(">idid", 8, 1.5, 8, -2.0)
    assert encode_floats(np.array([1.5, -2.0])) == expected


def test_an_empty_array_has_no_dimension() -> None:
    assert decode_floats(struct.pack(">iii", 0, 0, 701)).size == 0


def test_a_copy_stream_frames_its_fields() -> None:
    identity = UUID(int=5)
    stream = copy_file([copy_row([identity, 7, [{"a": 1}]])])
    assert stream.startswith(b"PGCOPY\n\xff\r\n\0" + bytes(8))
    assert stream.endswith(struct.pack(">h", -1))
    row = stream[19:-2]
    assert row == (
        struct.pack(">hi", 3, 16)
        + identity.bytes
        + struct.pack(">ii", 4, 7)
        + struct.pack(">i", 10)
        + b'\x01[{"a":1}]'
    )
