"""Real dialects are read; everything else is rejected with file, row and column."""

from __future__ import annotations

import datetime
import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest

from services.analysis.engine import (
    Chunk,
    EngineConfig,
    EngineError,
    TableError,
    check_same_features,
    open_table,
    open_tables,
    read_all,
    require_samples,
)
from services.analysis.engine.tables.config import ReadingConfig
from services.analysis.engine.tables.csv_sheet import CsvSheet
from services.analysis.engine.tables.limits import Limits
from services.analysis.engine.tables.lines import blocks
from services.analysis.engine.tables.sources import Source

CONFIG = EngineConfig(end_meta="m", start_dim="a", end_dim="b")
GOOD = b"m,a,b\nx,1,2\ny,3,4\n"


def chunks(content: bytes, *, config: EngineConfig = CONFIG, **options: Any) -> list[Chunk]:
    with open_table(io.BytesIO(content), name="press.csv", config=config, **options) as reader:
        return list(reader)


def refused(content: bytes, **options: Any) -> TableError:
    with pytest.raises(TableError) as caught:
        chunks(content, **options)
    assert caught.value.file == "press.csv"
    assert "press.csv" in str(caught.value)
    return caught.value


@pytest.mark.parametrize(
    "content",
    [
        GOOD,
        GOOD.rstrip(b"\n"),
        GOOD + b"\n\n",
        GOOD.replace(b"\n", b"\r\n"),
        GOOD.replace(b"\n", b"\r"),
        GOOD.replace(b",", b";"),
        GOOD.replace(b",", b"\t"),
        b"\xef\xbb\xbf" + GOOD,
        b"\xef\xbb\xbf" + GOOD.replace(b",", b";").replace(b"\n", b"\r\n"),
        b'"m","a","b"\n"x","1","2"\n"y","3","4"\n',
        b"m, a ,b\nx, 1 ,+2\ny,3.0,4e0\n",
        b"\n\nm,a,b\n\nx,1,2\n\ny,3,4\n",
        gzip.compress(GOOD, mtime=0),
        gzip.compress(GOOD.replace(b",", b";"), mtime=0),
    ],
)
def test_dialects(content: bytes) -> None:
    (chunk,) = chunks(content)
    np.testing.assert_array_equal(chunk.features, [[1.0, 2.0], [3.0, 4.0]])
    assert chunk.metadata == [{"m": "x"}, {"m": "y"}]
    assert chunk.first_row == 0


def test_columns_after_the_features_are_metadata_too() -> None:
    content = b"m,n,a,b,label,note\nx,7,1,2,ok,\ny,8,3,4,1.5,007\n"
    with open_table(io.BytesIO(content), name="t", config=CONFIG) as reader:
        assert reader.features == ("a", "b")
        assert reader.metadata_before == ("m", "n")
        assert reader.metadata_after == ("label", "note")
        assert reader.metadata_columns == ("m", "n", "label", "note")
        (chunk,) = reader
        assert next(iter(reader)).metadata == chunk.metadata  # as often as needed
    assert chunk.metadata == [
        {"m": "x", "n": 7, "label": "ok", "note": None},
        {"m": "y", "n": 8, "label": 1.5, "note": "007"},
    ]


def test_part_numbers_stay_text() -> None:
    content = "\n".join(
        ["m,a,b", *(f"{cell},1,2" for cell in ("12E4", "1e5", "-0.5", "-3", "1.", "nan", "0x1"))]
    )
    (chunk,) = chunks(content.encode())
    assert [entry["m"] for entry in chunk.metadata] == ["12E4", "1e5", -0.5, -3, "1.", "nan", "0x1"]


def test_quoted_cells_hold_delimiters_quotes_and_line_ends() -> None:
    (chunk,) = chunks(b'm,a,b\n"x,\ny ""z""",1,2\n')
    assert chunk.metadata == [{"m": 'x,\ny "z"'}]
    error = refused(b'm,a,b\n"x\ny",1,2\nz,oops,2\n')
    assert (error.row, error.column) == (4, "a")


@pytest.mark.parametrize(
    ("content", "row", "column", "says"),
    [
        (b"m,a,b\nx,1,2\ny,oops,4\n", 3, "a", "not a number"),
        (b"m,a,b\nx,1e400,1\n", 2, "a", "too large"),
        (b"m,a,b\nx,1_0,1\n", 2, "a", "not a number"),
        ("m,a,b\nx,\u0661,1\n".encode(), 2, "a", "not a number"),
        (b"m;a;b\nx;1,5;1\ny;2.5;1\n", 3, "a", "decimal comma"),
        (b"m,a,b\nx,1,2\ny,3\n", 3, "b", "2 cells"),
        (b"m,a,b\nx,1,2,9\n", 2, "b", "4 cells"),
        (b"m,a,b\nx,1,2\n\n\ny,oops,4\n", 5, "a", "not a number"),
        (b'm,a,b\nx,1,2\n"y,3,4\nz,5,6\n', 3, None, "quotation mark"),
        (b"m,a,a\nx,1,2\n", 1, "a", "two columns"),
        (b"1,2,3\n4,5,6\n", 1, None, "header"),
        (b"m,a,b\n", None, None, "no samples"),
        (b"m,a,b", None, None, "no samples"),
        (b"", None, None, "empty"),
        (b"\n\n\n", None, None, "not even a header"),
        (b"!", None, None, "comments only"),
        (b"# recorded by hand\n# nothing yet\n", None, None, "comments only"),
        (b"m,b,a\nx,1,2\n", 1, "a", "comes after end_dim"),
        (b"a,m,b\nx,1,2\n", 1, "m", "does not come before"),
        ("m,a,b\n\u00e4,1,2\n".encode() + b"y\xff,1,2\n", 3, None, "UTF-8"),
        ("m,a,b\n\u00e4,1,2\n".encode() + b"x,1,2\n" * 20_000 + b"y\xff,1,2\n", 20_003, None, "UTF-8"),
        (b"m,a,b\nx,1,2\n" + b"y" * 120_000 + b",1,2\n", 3, "m", "characters"),
        (b"m,a,b\nx,1,2\n" + b"y" * 140_000 + b",1,2\n", 3, "m", "characters"),
        (b"m,a,b\n" + b"x,1,2\n" * 20_000 + b"y\x00,1,2\n", 20_002, "m", "NUL"),
    ],
)
def test_errors_name_row_and_column(content: bytes, row: int | None, column: str | None, says: str) -> None:
    error = refused(content)
    assert says in error.message
    assert (error.row, error.column) == (row, column)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"PK\x03\x04rest", "zip archive is damaged"),
        (b"\xd0\xcf\x11\xe0rest", "Excel"),
        (b"\x89PNG\r\n\x1a\n", "PNG"),
        (b"%PDF-1.7", "PDF"),
        (b"abc\x00\x01\x02", "binary"),
        (gzip.compress(b"\x89PNG\r\n\x1a\n", mtime=0), "PNG"),
        (b"PAR1" + b"0" * 40, "Parquet"),
    ],
)
def test_unsupported_formats_are_named(content: bytes, says: str) -> None:
    assert says in refused(content).message


def test_gzip_is_recognised_by_content_and_bounded() -> None:
    packed = gzip.compress(b"m,a,b\n" + b"x,1,2\n" * 50_000, mtime=0)
    assert sum(len(chunk.metadata) for chunk in chunks(packed)) == 50_000
    assert "truncated" in refused(packed[:-9]).message
    assert "truncated" in refused(packed[: len(packed) // 2]).message
    assert "damaged" in refused(packed[:200] + b"\x00" * 20 + packed[220:]).message
    assert "expands" in refused(packed, limits=Limits(expanded_bytes=100_000)).message


def test_a_file_without_line_ends_does_not_exhaust_memory() -> None:
    assert (
        "33,554,432 characters"
        in refused(gzip.compress(b"m,a,b\nx,1," + b"2" * 40_000_000, compresslevel=1, mtime=0)).message
    )


def test_detected_columns_are_suggested() -> None:
    rows = b"s1,3,0,1.5,2.5,3.5,ok\ns2,6,0,1.5,2.5,3.5,ok\n"
    error = refused(b"run,minutes,faulty,v_1,v_2,v_3,label\n" + rows)
    assert error.suggestion == {"end_meta": "faulty", "start_dim": "v_1", "end_dim": "v_3"}
    assert "v_3" in str(error)
    error = refused(b"run,speed,load,x,y,z,label\n" + rows)
    assert error.suggestion == {"end_meta": "run", "start_dim": "speed", "end_dim": "z"}
    assert refused(b"one,two\nx,y\n").suggestion is None


def test_the_columns_of_the_reference_files_are_suggested(data: Path) -> None:
    for name, expected in (
        ("tep-normal.csv", ("faulty", "xmeas_1", "xmv_11")),
        ("turbofan-units-001-050.csv", ("cycle", "setting_1", "sensor_21")),
    ):
        with pytest.raises(TableError) as caught:
            open_table(data / name, name=name, config=EngineConfig())
        assert caught.value.suggestion == dict(
            zip(("end_meta", "start_dim", "end_dim"), expected, strict=True)
        )


def test_chunks_have_the_requested_size(tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    path.write_text("m,a,b\n" + "".join(f"x,{i},{-i}\n" for i in range(1000)))
    for size in (1, 7, 300, 1000, 5000):
        with open_table(path, name="many.csv", config=CONFIG, chunk_rows=size) as reader:
            parts = list(reader)
        assert [len(part.metadata) for part in parts[:-1]] == [size] * (len(parts) - 1)
        assert [part.first_row for part in parts] == list(range(0, 1000, size))
        np.testing.assert_array_equal(
            np.concatenate([part.features for part in parts])[:, 0], np.arange(1000)
        )


def test_both_ways_of_splitting_a_block_agree(data: Path) -> None:
    path = data / "impact-baseline.csv"
    sheet = CsvSheet.open(Source(path, path.name), ReadingConfig())
    text = path.read_bytes()
    count = 0
    for block in blocks(iter([text[text.index(b"\n") + 1 :]]), b",", Limits(), path.name, 2):
        columns = sheet.split(block)
        assert columns == sheet.strict.columns(block)
        count += len((columns or [[]])[0])
    assert count == 219


def test_a_row_that_is_longer_than_a_block_is_read() -> None:
    notes = [f"note {place}" for place in range(30)]
    header = ",".join(["m", "a", "b", *notes]).encode()
    short, long = b"x,1,2" + b",n" * 30 + b"\n", b"y,3,4" + (b"," + b"y" * 90_000) * 30 + b"\n"
    content = header + b"\n" + short * 100_000 + long + short * 10
    with open_table(io.BytesIO(content), name="t.csv", config=CONFIG) as reader:
        parts = list(reader)
    places = np.concatenate([part.first_row + np.arange(len(part.metadata)) for part in parts])
    np.testing.assert_array_equal(places, np.arange(100_011))
    values = np.concatenate([part.features[:, 0] for part in parts])
    assert values[100_000] == 3.0
    assert values.sum() == 100_013.0


def test_files_of_one_upload_are_read_in_order() -> None:
    files = [(io.BytesIO(GOOD), "one.csv"), (io.BytesIO(gzip.compress(GOOD, mtime=0)), "two.csv.gz")]
    with open_tables(files, config=CONFIG) as reader:
        parts = list(reader)
    assert [part.first_row for part in parts] == [0, 2]
    with pytest.raises(TableError, match=r"two\.csv") as caught:
        open_tables([files[0], (io.BytesIO(b"m,a,c,b\nx,1,2,3\n"), "two.csv")], config=CONFIG)
    assert (caught.value.file, caught.value.column) == ("two.csv", "c")
    with pytest.raises(TableError, match="no file"):
        open_tables([], config=CONFIG)


def test_a_baseline_and_its_monitoring_file_have_the_same_features() -> None:
    check_same_features(("a", "b"), ("a", "b"), file="m.csv")
    for found in (("a", "c"), ("b", "a"), ("a",), ("a", "b", "c")):
        with pytest.raises(TableError, match=r"m\.csv") as caught:
            check_same_features(found, ("a", "b"), file="m.csv")
        assert caught.value.column is not None


def test_fewer_than_three_samples_are_rejected() -> None:
    require_samples(3, file="t.csv")
    with pytest.raises(TableError, match=r"t\.csv.*2 samples"):
        require_samples(2, file="t.csv")
    with open_table(io.BytesIO(GOOD), name="t.csv", config=CONFIG) as reader, pytest.raises(TableError):
        read_all(reader, file="t.csv")


def parquet(**columns: Any) -> bytes:
    buffer = io.BytesIO()
    arrow_parquet.write_table(pa.table(columns), buffer)
    return buffer.getvalue()


def test_parquet() -> None:
    day = datetime.datetime(2026, 5, 4, 3, 2, 1)
    content = parquet(m=["x", None], t=[day, day], a=[1, 2], b=[0.1, 1e-300], late=[True, False])
    (chunk,) = chunks(content)
    np.testing.assert_array_equal(chunk.features, [[1.0, 0.1], [2.0, 1e-300]])
    assert chunk.metadata[0] == {"m": "x", "t": "2026-05-04T03:02:01", "late": 1}
    assert chunk.metadata[1]["m"] is None


@pytest.mark.parametrize(
    ("content", "row", "column"),
    [
        (parquet(m=["x", "y"], a=["1", "two"], b=[1, 2]), 2, "a"),
        (parquet(m=["x", "y"], a=[datetime.date(2026, 5, 4)] * 2, b=[1, 2]), 1, "a"),
        (parquet(m=["x", "y"], a=[1, 2], c=[1, 2]), None, "b"),
    ],
)
def test_bad_parquet(content: bytes, row: int | None, column: str) -> None:
    error = refused(content)
    assert (error.row, error.column) == (row, column)


def test_damaged_parquet() -> None:
    good = parquet(m=["x"] * 500, a=list(range(500)), b=list(range(500)))
    for bad in (good[:-4], good[:300], good[:100] + b"\xff" * 200 + good[300:]):
        assert "damaged" in refused(bad).message
    assert "expands" in refused(good, limits=Limits(expanded_bytes=1000)).message


def test_a_stream_stays_open_and_must_be_seekable() -> None:
    stream = io.BytesIO(GOOD)
    with open_table(stream, name="t", config=CONFIG) as reader:
        assert len(list(reader)) == 1
    assert not stream.closed

    class Pipe(io.BytesIO):
        def seekable(self) -> bool:
            return False

    with pytest.raises(EngineError, match="not seekable"):
        open_table(Pipe(GOOD), name="t", config=CONFIG)
