"""Files with all kinds of damage give an error message with a location, never a crash."""

from __future__ import annotations

import datetime
import gzip
import io
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.analysis.engine import EngineConfig, TableError, open_table

NAME = "press.csv"
CONFIG = EngineConfig(end_meta="m", start_dim="a", end_dim="c")
ROWS = 40
DELIMITERS = (b",", b";", b"\t")

Damage = Callable[[bytes, int, bytes], bytes]


def table(delimiter: bytes = b",", line_end: bytes = b"\n") -> bytes:
    lines = [b"m,a,b,c,label"] + [b'"run %d",%d.5,-1e-3,7,ok' % (row, row) for row in range(ROWS)]
    return line_end.join([*lines, b""]).replace(b",", delimiter)


def parquet(compression: str, dictionary: bool) -> bytes:
    values = np.linspace(0.0, 1.0, ROWS)
    columns = {"m": [f"run {row % 3}" for row in range(ROWS)], "a": values, "b": values, "c": values}
    buffer = io.BytesIO()
    arrow_parquet.write_table(
        pa.table(columns), buffer, compression=compression, use_dictionary=dictionary, row_group_size=15
    )
    return buffer.getvalue()


def truncated(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at]


def overwritten(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at] + put + content[at + len(put) :]


def inserted(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at] + put + content[at:]


def removed(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at] + content[at + 1 + len(put) :]


def repeated(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at] + content[max(0, at - 40) :]


def with_zeros(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at] + b"\x00" * len(put) + content[at:]


def with_a_quote(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at] + b'"' + content[at:]


def with_another_delimiter(content: bytes, at: int, put: bytes) -> bytes:
    used = max(DELIMITERS, key=content.count)
    other = DELIMITERS[(DELIMITERS.index(used) + 1 + len(put) % 2) % 3]
    return content[:at] + content[at:].replace(used, other, 1 + len(put))


def with_a_long_cell(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at] + b"9" * 140_000 + content[at:]


def with_many_columns(content: bytes, at: int, put: bytes) -> bytes:
    return content[:at] + b",1" * 5000 + content[at:]


DAMAGES: tuple[Damage, ...] = (
    truncated,
    overwritten,
    inserted,
    removed,
    repeated,
    with_zeros,
    with_a_quote,
    with_another_delimiter,
    with_a_long_cell,
    with_many_columns,
)
damages = st.tuples(st.sampled_from(DAMAGES), st.integers(0, 10_000), st.binary(min_size=1, max_size=12))


def consume(content: bytes) -> TableError | None:
    """Read everything, and return the error if the file is rejected. Any other exception fails the test."""
    try:
        with open_table(io.BytesIO(content), name=NAME, config=CONFIG) as reader:
            missing = 0
            for part in reader:
                assert not np.isinf(part.features).any()
                assert len(part.metadata) == len(part.features)
                missing += int(np.isnan(part.features).sum())
            # What is left of -1e-3 may be a dash, which means that nothing was measured, and is counted.
            assert missing <= sum(words.total() for words in reader.facts.missing.values())
    except TableError as refusal:
        error = refusal
    else:
        return None
    assert error.file == NAME
    assert NAME in str(error)
    lines = content.count(b"\n") + content.count(b"\r") + ROWS
    assert error.row is None or 1 <= error.row <= lines
    return error


@settings(max_examples=250, deadline=None)
@given(
    delimiter=st.sampled_from(DELIMITERS),
    line_end=st.sampled_from([b"\n", b"\r\n"]),
    chosen=st.lists(damages, min_size=1, max_size=3),
)
def test_damaged_text(delimiter: bytes, line_end: bytes, chosen: list[tuple[Damage, int, bytes]]) -> None:
    content = table(delimiter, line_end)
    for damage, at, put in chosen:
        content = damage(content, at % (len(content) + 1), put)
    consume(content)


@settings(max_examples=150, deadline=None)
@given(chosen=st.lists(damages, min_size=1, max_size=2))
def test_damaged_gzip(chosen: list[tuple[Damage, int, bytes]]) -> None:
    content = gzip.compress(table(), mtime=0)
    for damage, at, put in chosen:
        content = damage(content, at % (len(content) + 1), put)
    consume(content)


@settings(max_examples=300, deadline=None)
@given(
    compression=st.sampled_from(["none", "snappy", "zstd"]),
    dictionary=st.booleans(),
    footer=st.booleans(),
    chosen=st.lists(damages, min_size=1, max_size=3),
)
@example("none", False, True, [(inserted, 60, b"\xed")])
def test_damaged_parquet(
    compression: str, dictionary: bool, footer: bool, chosen: list[tuple[Damage, int, bytes]]
) -> None:
    content = parquet(compression, dictionary)
    for damage, at, put in chosen:
        # Half of the examples damage the footer, which describes everything else.
        place = len(content) - 1 - at % min(900, len(content)) if footer else at % len(content)
        content = damage(content, place, put) or b"PAR1"
    consume(content)


def test_a_parquet_column_name_that_is_not_text() -> None:
    content = parquet("none", False)
    # The footer contains the names as plain text.
    broken = content.replace(b"\x18\x01m", b"\x18\x01\xed")
    assert broken != content
    error = consume(broken)
    assert error is not None
    assert "damaged" in error.message


@pytest.mark.parametrize("row", [0, 7, ROWS - 1])
@pytest.mark.parametrize("column", ["a", "c"])
def test_the_location_of_a_damaged_cell_is_reported(row: int, column: str) -> None:
    lines = table().split(b"\n")
    cells = lines[1 + row].split(b",")
    cells[1 + "abc".index(column)] = b"4\x004"
    lines[1 + row] = b",".join(cells)
    # Beyond the head of the file, where NUL bytes would make it a binary file.
    content = b"\n".join([lines[0], *[b'"x",1,2,3,ok'] * 6000, *lines[1:]])
    error = consume(content)
    assert error is not None
    assert (error.row, error.column) == (6000 + row + 2, column)


def test_twenty_thousand_columns() -> None:
    names = ["m", *(f"f_{place}" for place in range(20_000))]
    config = EngineConfig(end_meta="m", start_dim="f_0", end_dim="f_19999")
    row = "x," + ",".join(["1.5"] * 20_000)
    content = "\n".join([",".join(names), row, row, row]).encode()
    with open_table(io.BytesIO(content), name=NAME, config=config) as reader:
        (part,) = reader
    assert part.features.shape == (3, 20_000)
    short = "\n".join([",".join(names), row, row[:-4], row]).encode()
    with (
        pytest.raises(TableError) as caught,
        open_table(io.BytesIO(short), name=NAME, config=config) as reader,
    ):
        list(reader)
    assert (caught.value.row, caught.value.column) == (3, "f_19999")


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1_500, 2], pa.timestamp("ns")), "1970-01-01T00:00:00.000001"),
        (pa.array([10**9, 2], pa.timestamp("ns", "UTC")), "1970-01-01T00:00:01+00:00"),
        (pa.array([1_500, 2], pa.time64("ns")), "00:00:00.000001"),
        (pa.array([1_500_000, 2], pa.duration("ns")), "0:00:00.001500"),
        (pa.array([2, 2**62], pa.timestamp("us")), "1970-01-01 00:00:00.000002"),
        (pa.array([2, 3], pa.timestamp("us", "Foo/Bar")), "1970-01-01 00:00:00.000002"),
        (pa.array([2, 2**30], pa.date32()), "1970-01-03"),
        (pa.array([datetime.date(2026, 5, 4), None]), "2026-05-04"),
    ],
)
def test_times_that_python_cannot_represent_are_read(column: pa.Array, expected: str) -> None:
    """Data frames contain nanoseconds, and sensors without a clock may report any year."""
    buffer = io.BytesIO()
    values = [1.0, 2.0]
    arrow_parquet.write_table(pa.table({"m": column, "a": values, "b": values, "c": values}), buffer)
    with open_table(io.BytesIO(buffer.getvalue()), name=NAME, config=CONFIG) as reader:
        (part,) = reader
    assert part.metadata[0] == {"m": expected}


@pytest.mark.parametrize("cell", [b"\x80", b"a\x00b", b"\xed\xa0\x80"], ids=["bytes", "NUL", "surrogate"])
@pytest.mark.parametrize("row", [0, 1500])
@pytest.mark.parametrize("dictionary", [False, True])
def test_a_parquet_cell_that_is_no_text(cell: bytes, row: int, dictionary: bool) -> None:
    cells = [b"x"] * 2000
    cells[row] = cell
    text = pa.Array.from_buffers(pa.string(), 2000, pa.array(cells, pa.binary()).buffers())
    buffer = io.BytesIO()
    columns = {"m": text} | dict.fromkeys("abc", np.arange(2000.0))
    arrow_parquet.write_table(pa.table(columns), buffer, use_dictionary=dictionary)
    error = consume(buffer.getvalue())
    assert error is not None
    assert (error.code, error.column) == ("undecodable", "m")
    assert error.row == row + 1 or dictionary
