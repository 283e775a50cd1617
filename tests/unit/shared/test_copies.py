"""Rows become Parquet and come back byte for byte; what would lose something is refused."""

import io
import struct
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow.parquet as pq
import pytest

from shared.postgres.copies import SIGNATURE, TRAILER, Column, NotConvertible, to_copy, to_parquet


def stream(*rows: tuple[bytes | None, ...]) -> bytes:
    def field(value: bytes | None) -> bytes:
        return struct.pack(">i", -1) if value is None else struct.pack(">i", len(value)) + value

    body = [struct.pack(">h", len(row)) + b"".join(field(value) for value in row) for row in rows]
    return SIGNATURE + b"".join(body) + TRAILER


def array(oid: int, shape: tuple[int, ...], *elements: bytes | None, low: int = 1) -> bytes:
    bounds = b"".join(struct.pack(">ii", length, low) for length in shape)
    cells = [
        struct.pack(">i", -1) if cell is None else struct.pack(">i", len(cell)) + cell for cell in elements
    ]
    return struct.pack(">iii", len(shape), 0, oid) + bounds + b"".join(cells)


def double(value: float) -> bytes:
    return struct.pack(">d", value)


NAN = bytes.fromhex("7ff8000000000123")
COLUMNS = [
    Column("id", "uuid"),
    Column("order", "integer"),
    Column("size", "bigint"),
    Column("distance", "double precision"),
    Column("acknowledged", "boolean"),
    Column("at", "timestamp with time zone"),
    Column("severity", "character varying(20)"),
    Column("metadata", "jsonb"),
    Column("features", "double precision[]"),
    Column("x", "double precision[]"),
    Column("flags", "boolean[]"),
    Column("packed", "bytea"),
]
MATRIX = array(701, (2, 3), *(double(value) for value in (0.1, -0.0, 1e308, 5e-324, 3.0, -7.25)))
ROWS = [
    (
        UUID(int=7).bytes,
        struct.pack(">i", -3),
        struct.pack(">q", 2**62),
        double(-0.0),
        b"\1",
        struct.pack(">q", -(10**15) - 1),
        "über".encode(),
        b'\1{"a": 1.50, "b": null}',
        MATRIX,
        array(701, (2,), NAN, double(float("inf"))),
        array(16, (3,), b"\1", b"\0", b"\1"),
        b"\xff\0",
    ),
    (UUID(int=8).bytes, *([None] * 11)),
    (
        UUID(int=9).bytes,
        *(struct.pack(">i", 0), struct.pack(">q", 0), NAN, b"\0"),
        struct.pack(">q", 2**63 - 1),
        *(b"", b"\1[]"),
        array(701, ()),
        array(701, ()),
        array(16, ()),
        b"",
    ),
]


def there_and_back(content: bytes, columns: list[Column], folder: Path) -> bytes:
    target, back = folder / "rows.parquet", io.BytesIO()
    to_parquet(io.BytesIO(content), columns, target)
    assert to_copy(target, back) == columns
    return back.getvalue()


def test_every_type_comes_back_byte_for_byte(tmp_path: Path) -> None:
    content = stream(*ROWS)
    assert there_and_back(content, COLUMNS, tmp_path) == content


def test_no_rows_are_rows_too(tmp_path: Path) -> None:
    assert there_and_back(stream(), COLUMNS, tmp_path) == stream()


def test_other_programs_can_read_it(tmp_path: Path) -> None:
    target = tmp_path / "rows.parquet"
    assert to_parquet(io.BytesIO(stream(*ROWS)), COLUMNS, target) == 3
    table = pq.read_table(target)
    first = table.slice(0, 1).to_pylist()[0]
    assert (first["id"], first["order"], first["severity"]) == (UUID(int=7), -3, "über")
    assert first["features"] == [[0.1, -0.0, 1e308], [5e-324, 3.0, -7.25]]
    assert first["flags"] == [True, False, True]
    assert first["at"].year == 1968
    compression = pq.ParquetFile(target).metadata.row_group(0).column(0).compression
    assert compression == "ZSTD"


def test_many_row_groups_keep_the_order(tmp_path: Path) -> None:
    cell = np.dtype([("length", ">i4"), ("value", ">f8")])
    rows = []
    for matrix in np.random.default_rng(1).normal(size=(40, 512 * 128)):
        cells = np.array([(8, value) for value in matrix], dtype=cell)
        rows.append((array(701, (512, 128)) + cells.tobytes(),))
    content = stream(*rows)
    assert there_and_back(content, [Column("features", "double precision[]")], tmp_path) == content
    assert pq.ParquetFile(tmp_path / "rows.parquet").num_row_groups > 1


@pytest.mark.parametrize(
    "value",
    [
        array(701, (2,), double(1), None),
        array(701, (2,), double(1), double(2), low=0),
        array(701, (1, 1, 1), double(1)),
        array(23, (1,), struct.pack(">q", 1)),
    ],
)
def test_an_array_that_would_lose_something_is_refused(value: bytes, tmp_path: Path) -> None:
    with pytest.raises(NotConvertible):
        to_parquet(
            io.BytesIO(stream((value,))), [Column("x", "double precision[]")], tmp_path / "rows.parquet"
        )


def test_an_unknown_type_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotConvertible, match="network has the type inet"):
        to_parquet(io.BytesIO(stream()), [Column("network", "inet")], tmp_path / "rows.parquet")
