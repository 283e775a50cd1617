"""Archives, Parquet and Excel: what is within them is read as the same table in a text file is."""

from __future__ import annotations

import datetime
import gzip
import io
import zipfile
from typing import Any

import numpy as np
import openpyxl
import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest

from services.analysis.engine import EngineConfig, Limits, TableError, open_table

from .files import CONFIG, advised, read, refusal

NAN = np.nan
GOOD = b"m;a;b\nx;1,5;2\ny;3,25;4\n"
EXPECTED = [[1.5, 2.0], [3.25, 4.0]]


def zipped(files: dict[str, bytes], how: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", how) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def parquet(columns: dict[str, Any] | pa.Table, **options: Any) -> bytes:
    buffer = io.BytesIO()
    table = columns if isinstance(columns, pa.Table) else pa.table(columns)
    arrow_parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


def workbook(*sheets: list[list[Any]], titles: tuple[str, ...] = ()) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)  # type: ignore[arg-type]  # a new workbook has one
    for place, rows in enumerate(sheets):
        sheet = book.create_sheet(titles[place] if titles else f"Sheet {place}")
        for row in rows:
            sheet.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
)
def test_a_zip_with_one_table(how: int) -> None:
    found = read(zipped({"folder/": b"", "folder/press.csv": GOOD, "__MACOSX/._press.csv": b"\x00\x05"}, how))
    np.testing.assert_array_equal(found.features, EXPECTED)
    assert found.understood.archive == ("zip", "folder/press.csv")


def test_a_zip_with_several_tables_and_a_readme() -> None:
    files = {
        "2.csv": GOOD,
        "1.csv.gz": gzip.compress(GOOD, mtime=0),
        "README.txt": b"Hello,\nthis is text\n",
        "p.png": b"\x89PNG",
    }
    found = read(zipped(files))
    np.testing.assert_array_equal(found.features, EXPECTED * 2)
    assert sorted((left.file, left.code) for left in found.left_out) == [
        ("press.csv/README.txt", "no_numbers"),
        ("press.csv/p.png", "foreign_form"),
    ]


def test_tables_of_a_zip_with_different_headers_are_named() -> None:
    error = refusal(zipped({"1.csv": GOOD, "2.csv": b"m;a;c;b\nx;1;2;3\n"}))
    assert (error.file, error.column) == ("press.csv/2.csv", "c")


def test_archives_within_archives() -> None:
    np.testing.assert_array_equal(
        read(gzip.compress(gzip.compress(GOOD, mtime=0), mtime=0)).features, EXPECTED
    )
    np.testing.assert_array_equal(read(zipped({"a.zip": zipped({"a.csv": GOOD})})).features, EXPECTED)
    assert (
        refusal(gzip.compress(gzip.compress(gzip.compress(GOOD, mtime=0), mtime=0), mtime=0)).code
        == "nested_archive"
    )
    np.testing.assert_array_equal(read(gzip.compress(zipped({"a.csv": GOOD}), mtime=0)).features, EXPECTED)
    assert refusal(zipped({})).code == "empty_archive"


def test_damaged_and_encrypted_archives() -> None:
    good = zipped({"a.csv": GOOD * 1000})
    assert refusal(good[:-30]).code == "damaged_archive"
    assert refusal(good[:60] + b"\xff" * 20 + good[80:]).code in ("damaged_archive", "wrong_width")
    locked = bytearray(good)
    for magic, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        locked[good.index(magic) + offset] |= 1
    assert refusal(bytes(locked)).code == "encrypted"
    assert (
        refusal(zipped({str(i): GOOD for i in range(20)}), limits=Limits(members=10)).code
        == "too_many_members"
    )


def test_parquet_and_excel_within_archives() -> None:
    table = parquet({"m": ["x", "y"], "a": [1.5, 3.25], "b": [2.0, 4.0]})
    sheet = workbook([["m", "a", "b"], ["x", 1.5, 2], ["y", 3.25, 4]])
    for content in (
        gzip.compress(table, mtime=0),
        zipped({"t.parquet": table}),
        zipped({"s.xlsx": sheet}),
        gzip.compress(sheet, mtime=0),
    ):
        np.testing.assert_array_equal(read(content).features, EXPECTED)


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (pa.array([1, None, 3], pa.int64()), [1, NAN, 3]),
        (pa.array([1.5, None, float("nan")], pa.float32()), [1.5, NAN, NAN]),
        (pa.array([1.5, float("inf"), float("-inf")]), [1.5, NAN, NAN]),
        (pa.array([True, False, None]), [1, 0, NAN]),
        (pa.array(["1.5", "Bad", None]), [1.5, NAN, NAN]),
        (pa.array(["1,5", "0,25", "7"]), [1.5, 0.25, 7]),
        (pa.array(["ON", "OFF", "ON"]), [1, 0, 1]),
        (pa.array(["1.5", "Bad", "1.5"]).dictionary_encode(), [1.5, NAN, 1.5]),
        (pa.array([1.5, 2.5, None]).cast(pa.decimal128(10, 3)), [1.5, 2.5, NAN]),
        (pa.array([1, 2, 3], pa.uint8()), [1, 2, 3]),
        (pa.array([1.5, 2.5, 3.5]).cast(pa.float16()), [1.5, 2.5, 3.5]),
        (pa.array([None, None, None], pa.null()), [NAN, NAN, NAN]),
        (pa.array(["1.5", "2", "3"], pa.large_string()), [1.5, 2, 3]),
    ],
)
def test_kinds_of_parquet_columns(column: pa.Array, expected: list[float]) -> None:
    found = read(parquet({"m": ["x", "y", "z"], "a": column, "b": [1, 2, 3]}))
    np.testing.assert_array_equal(found.features[:, 0], expected)
    assert sum(found.missing.get("a", {}).values()) == np.isnan(expected).sum()


def test_parquet_text_that_can_be_read_in_two_ways() -> None:
    content = parquet({"m": ["x", "y"], "a": ["1,234", "2,345"], "b": [1.5, 2.5]})
    error = refusal(content)
    assert error.code == "ambiguous_number"
    assert advised(content, error).features[:, 0].tolist() == [1234.0, 2345.0]
    assert read(content, decimal=",").features.tolist() == [[1.234, 1.5], [2.345, 2.5]]  # typed numbers stay


@pytest.mark.parametrize(
    "kind", [pa.list_(pa.float64()), pa.list_(pa.float32(), 3), pa.large_list(pa.int64())]
)
def test_lists_of_one_length_are_columns(kind: pa.DataType) -> None:
    lists = pa.array([[1, 2, 3], [4, 5, 6]]).cast(pa.list_(kind.value_type)).cast(kind)
    config = EngineConfig(end_meta="m", start_dim="s_0", end_dim="s_2")
    found = read(parquet({"m": ["x", "y"], "s": lists}), config)
    assert found.features.tolist() == [[1, 2, 3], [4, 5, 6]]
    wrong = parquet({"m": ["x"] * 100, "s": [[1.0, 2.0, 3.0]] * 99 + [[1.0, 2.0]]})
    error = refusal(wrong, config)
    assert (error.code, error.row) == ("list_length", 100)
    loose = read(parquet({"m": [[1], [1, 2]], "a": [1, 2], "b": [3, 4]}))
    assert loose.metadata == [{"m": "[1]"}, {"m": "[1, 2]"}]


def test_the_index_of_pandas_comes_first() -> None:
    times = pa.array([datetime.datetime(2024, 3, 1, 8, i) for i in range(3)])
    table = pa.table({"a": [1.0, 2, 3], "b": [4.0, 5, 6], "__index_level_0__": times})
    for content in (
        parquet(table),
        parquet(table.replace_schema_metadata({"pandas": '{"index_columns": ["__index_level_0__"]}'})),
    ):
        error = refusal(content, EngineConfig())
        assert error.suggestion == {"end_meta": "__index_level_0__", "start_dim": "a", "end_dim": "b"}
        found = read(content, EngineConfig(end_meta="__index_level_0__", start_dim="a", end_dim="b"))
        assert found.metadata[1] == {"__index_level_0__": "2024-03-01T08:01:00"}


@pytest.mark.parametrize("compression", ["none", "snappy", "gzip", "zstd", "brotli", "lz4"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_parquet_of_every_compression(compression: str, version: str) -> None:
    values = np.linspace(0, 1, 5000)
    content = parquet(
        {"m": [f"run {i % 7}" for i in range(5000)], "a": values, "b": values},
        compression=compression,
        data_page_version=version,
        row_group_size=700,
        data_page_size=1000,
    )
    np.testing.assert_array_equal(read(content).features[:, 0], values)


def test_excel() -> None:
    day = datetime.datetime(2024, 3, 1, 8)
    rows: list[list[Any]] = [
        ["Report of line 3"],
        [],
        ["m", "t", "a", "b", None],
        [None, None, "mm/s", "°C", None],
        ["x", day, 1.234, "Bad"],
        ["y", day, None, True],
        [None],
        ["z", day, "#N/A", False],
        [7, day, 1e-300, 1],
    ]
    found = read(workbook(rows), EngineConfig(end_meta="t", start_dim="a", end_dim="b"))
    np.testing.assert_array_equal(found.features, [[1.234, NAN], [NAN, 1], [NAN, 0], [1e-300, 1]])
    assert found.metadata[0] == {"m": "x", "t": "2024-03-01T08:00:00"}
    assert found.metadata[3]["m"] == 7
    assert found.missing == {"a": {"": 1, "#N/A": 1}, "b": {"Bad": 1}}
    understood = found.understood
    assert (understood.form, understood.header_line, understood.sheet) == ("excel", 3, "Sheet 0")
    assert understood.units == ("", "", "mm/s", "°C")
    assert understood.preamble == ("Report of line 3", "")


def test_typed_numbers_of_excel_do_not_depend_on_the_decimal_separator() -> None:
    rows: list[list[Any]] = [["m", "a", "b"], ["x", 1.234, "2,5"], ["y", "3,25", 4]]
    for decimal in (None, ","):
        assert read(workbook(rows), decimal=decimal).features.tolist() == [[1.234, 2.5], [3.25, 4.0]]
    doubt = workbook([["m", "a", "b"], ["x", 1.5, "1,234"], ["y", 2.5, "2,345"]])
    assert refusal(doubt).code == "ambiguous_number"
    assert read(doubt, decimal=",").features.tolist() == [[1.5, 1.234], [2.5, 2.345]]


def test_the_sheet_with_the_wanted_columns_is_read() -> None:
    cover: list[list[Any]] = [["Made by", "Lee"]]
    other: list[list[Any]] = [["k", "v"], ["x", 1]]
    table: list[list[Any]] = [["m", "a", "b"], ["x", 1, 2]]
    found = read(workbook(cover, other, table, titles=("Cover", "Other", "Data")))
    assert found.understood.sheet == "Data"
    assert found.understood.notes[0].params == {"sheets": ["Cover", "Other"]}


def test_excel_says_where_a_bad_cell_is() -> None:
    rows: list[list[Any]] = [["m", "a", "b"], *[["x", 1, 2]] * 2000, ["y", 1, "oops"]]
    error = refusal(workbook(rows))
    assert (error.row, error.column, error.code) == (2002, "b", "not_a_number")
    assert refusal(workbook([["m", "a", "b"], ["x", datetime.datetime(2024, 1, 1), 2]])).column == "a"
    wide = workbook([["m", "a", "b"], *[["x", 1, 2]] * 300, ["y", 1, 2, 3]])
    assert refusal(wide).code == "wrong_width"


def test_damaged_workbooks_are_refused() -> None:
    good = workbook([["m", "a", "b"], ["x", 1, 2]])
    with zipfile.ZipFile(io.BytesIO(good)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    sheet = "xl/worksheets/sheet1.xml"
    for name, content in (
        (sheet, files[sheet][:200]),
        (sheet, files[sheet].replace(b"<v>1</v>", b"<v>one</v>")),
        ("xl/workbook.xml", b"<workbook/>"),
        ("[Content_Types].xml", b""),
        (sheet, b"<!DOCTYPE x [<!ENTITY a 'b'>]>" + files[sheet]),
    ):
        with pytest.raises(TableError) as caught:
            list(open_table(io.BytesIO(zipped(files | {name: content})), name="t.xlsx", config=CONFIG))
        assert caught.value.code in ("damaged_file", "not_a_number", "empty"), caught.value
