"""A file that expands without measure costs its sender an error, and the reader no more memory than a plain
file."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as arrow_parquet
import pytest

from services.analysis.engine import Limits
from services.analysis.engine.tables.limits import MIB

from .files import read, refusal
from .test_containers import parquet, workbook, zipped

HEADER = b"m,a,b\n"
SMALL = Limits(expanded_bytes=64 * MIB, ratio_from_bytes=8 * MIB, batch_bytes=8 * MIB, line_bytes=4 * MIB)

CHILD = """
import json, sys, time
from services.analysis.engine import EngineConfig, TableError, open_table
found, rows, began = None, 0, time.perf_counter()
try:
    for chunk in open_table(sys.argv[1], name="t", config=EngineConfig(end_meta="m", start_dim="a",
    end_dim="b")):
        rows += len(chunk.metadata)
except TableError as error:
    found = error.code
peak = next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"code": found, "rows": rows, "peak": peak, "seconds": time.perf_counter() - began}))
"""


def child(path: Path) -> dict[str, object]:
    """Read a file in a process of its own, and return the outcome and its peak memory in KiB."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD, str(path)], capture_output=True, check=True, text=True
    )
    return dict(json.loads(done.stdout))


def stretched(block: bytes, times: int) -> bytes:
    """A gzip file of a header and a block that recurs."""
    packer = zlib.compressobj(9, wbits=31)
    parts = [packer.compress(HEADER), *(packer.compress(block) for _ in range(times)), packer.flush()]
    return b"".join(parts)


def dictionary(length: int, rows: int) -> bytes:
    """A Parquet file with one long text, which recurs in every row."""
    text = pa.DictionaryArray.from_arrays(pa.array([0] * rows, pa.int32()), pa.array(["x" * length]))
    return parquet(pa.table({"m": text, "a": [1.0] * rows, "b": [2.0] * rows}), compression="zstd")


def edited_workbook(change: Callable[[bytes], bytes], part: str = "xl/worksheets/sheet1.xml") -> bytes:
    content = workbook([["m", "a", "b"], ["x", 1, 2]])
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    return zipped(files | {part: change(files[part])})


LAUGHS = (
    b'<!DOCTYPE lolz [<!ENTITY a "ha">'
    + b"".join(b'<!ENTITY %c "%s">' % (letter, (b"&%c;" % (letter - 1)) * 10) for letter in b"bcdefghij")
    + b"]>"
)


def with_entities(sheet: bytes) -> bytes:
    start = sheet.index(b"<worksheet") if b"<worksheet" in sheet else sheet.index(b"<sst")
    return sheet[:start] + LAUGHS + sheet[start:].replace(b"<v>1</v>", b"<v>&j;</v>")


WIDE_NAMES = ["m", "a", "b", *(f"f_{place}" for place in range(100_000))]

BOMBS: dict[str, tuple[Callable[[], bytes], str | tuple[str, ...]]] = {
    "Parquet: a text of 90 kB in 100,000 rows": (lambda: dictionary(90_000, 100_000), "expands_too_far"),
    "Parquet: a text of 100 MB": (lambda: dictionary(100_000_000, 1000), "expands_too_far"),
    "Parquet: a text of 20 MB": (lambda: dictionary(20_000_000, 1000), "cell_too_long"),
    "gzip: rows": (lambda: stretched(b"x,1,2\n" * 200_000, 400), ("expands_too_far", "too_many_rows")),
    "gzip: blank lines": (lambda: stretched(b"\n" * 2**20, 400), "expands_too_far"),
    "gzip: NUL": (lambda: stretched(b"\x00" * 2**20, 400), ("expands_too_far", "line_too_long")),
    "gzip: one line": (lambda: stretched(b"1" * 2**20, 400), "line_too_long"),
    "gzip: one quoted cell": (
        lambda: stretched(b'"' + b"1\n" * 2**20, 1) + stretched(b"\n" * 2**20, 64),
        "line_too_long",
    ),
    "zip: rows": (lambda: zipped({"t.csv": HEADER + b"x,1,2\n" * 50_000_000}), "expands_too_far"),
    "CSV: 100,000 columns": (
        lambda: "\n".join([",".join(WIDE_NAMES), *[",".join(["1"] * len(WIDE_NAMES))] * 3]).encode(),
        "too_many_columns",
    ),
    "Excel: a row far below": (
        lambda: edited_workbook(
            lambda sheet: sheet.replace(b'r="2"', b'r="2000000000"').replace(b'r="A2"', b'r="A2000000000"')
        ),
        "no_samples",
    ),
    "Excel: a column far to the right": (
        lambda: edited_workbook(lambda sheet: sheet.replace(b'r="B2"', b'r="ZZZZZZZ2"')),
        "damaged_file",
    ),
    "Excel: entities": (lambda: edited_workbook(with_entities), "damaged_file"),
}


@pytest.fixture(scope="module")
def plain_peak(tmp_path_factory: pytest.TempPathFactory) -> int:
    """The memory that a plain file takes."""
    path = tmp_path_factory.mktemp("plain") / "plain.csv"
    path.write_bytes(HEADER + b"run 1,1.234567,2.345678\n" * 500_000)
    found = child(path)
    assert (found["code"], found["rows"]) == (None, 500_000)
    assert isinstance(found["peak"], int)
    return found["peak"]


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_and_takes_little_memory(name: str, plain_peak: int, tmp_path: Path) -> None:
    make, code = BOMBS[name]
    path = tmp_path / "bomb"
    path.write_bytes(make())
    found = child(path)
    assert isinstance(found["peak"], int)
    assert found["peak"] < 3 * plain_peak, f"{found} against {plain_peak}"
    assert found["code"] in code, found


def test_wide_parquet_and_excel_are_refused() -> None:
    wide = parquet({name: [1.0] for name in WIDE_NAMES[:2000]})
    assert refusal(wide, limits=Limits(columns=1000)).code == "too_many_columns"
    assert (
        refusal(workbook([WIDE_NAMES[:2000], [1] * 2000]), limits=Limits(columns=1000)).code
        == "too_many_columns"
    )


def test_pages_are_checked_before_they_are_unpacked() -> None:
    """Texts that repeat all but their end, pages and dictionaries that are too large, lists of many
    values."""
    rows = 600
    texts = ["x" * 20_000 + str(row) for row in range(rows)]
    columns = {"m": texts, "a": [1.0] * rows, "b": [2.0] * rows}
    deltas = parquet(
        columns, use_dictionary=False, column_encoding={"m": "DELTA_BYTE_ARRAY", "a": "PLAIN", "b": "PLAIN"}
    )
    assert len(deltas) < 2 * MIB
    assert read(deltas, limits=Limits(batch_bytes=8 * MIB)).metadata[-1] == {"m": texts[-1]}
    assert refusal(deltas, limits=Limits(expanded_bytes=8 * MIB)).code == "expands_too_far"
    large = parquet(
        {"m": ["x" * 90_000 + str(row) for row in range(300)], "a": [1.0] * 300, "b": [2.0] * 300},
        compression="zstd",
        data_page_size=2**28,
        dictionary_pagesize_limit=2**28,
    )
    assert refusal(large, limits=SMALL).code == "expands_too_far"
    lists = parquet({"m": [[1.0] * 9_000_000], "a": [1.0], "b": [2.0]}, compression="zstd")
    assert len(lists) < MIB
    assert refusal(lists, limits=SMALL).code == "expands_too_far"


def test_sizes_in_the_footer_are_not_believed() -> None:
    """A footer can say anything; a reader allocates what the page headers say."""
    buffer = io.BytesIO()
    table = pa.table(
        {"m": ["x" * 90_000 + str(row) for row in range(300)], "a": [1.0] * 300, "b": [2.0] * 300}
    )
    arrow_parquet.write_table(table, buffer, compression="zstd", use_dictionary=False, data_page_size=2**28)
    content = buffer.getvalue()
    size = (
        arrow_parquet.ParquetFile(io.BytesIO(content)).metadata.row_group(0).column(0).total_uncompressed_size
    )

    def varint(value: int) -> bytes:
        value *= 2
        found = b""
        while value > 127:
            found += bytes([value & 127 | 128])
            value >>= 7
        return found + bytes([value])

    footer = content.rindex(varint(size))
    lying = content[:footer] + content[footer:].replace(varint(size), varint(2**21 + size % 2**7), 1)
    assert lying != content
    assert refusal(lying, limits=SMALL).code in ("expands_too_far", "damaged_file")


def test_bounds_of_rows_and_archives() -> None:
    assert refusal(HEADER + b"x,1,2\n" * 100, limits=Limits(rows=50)).code == "too_many_rows"
    values = {"m": ["x"] * 100, "a": [1.0] * 100, "b": [2.0] * 100}
    assert refusal(parquet(values), limits=Limits(rows=50)).code == "too_many_rows"
    assert (
        refusal(workbook([["m", "a", "b"], *[["x", 1, 2]] * 100]), limits=Limits(rows=50)).code
        == "too_many_rows"
    )
    many = zipped({f"{place}.csv": HEADER + b"x,1,2\n" * 100_000 for place in range(8)})
    assert refusal(many, limits=Limits(expanded_bytes=4_000_000)).code == "expands_too_far"
    packed = zipped(
        {f"{place}.csv.gz": gzip.compress(HEADER + b"x,1,2\n" * 100_000, mtime=0) for place in range(8)}
    )
    assert refusal(packed, limits=Limits(expanded_bytes=4_000_000)).code == "expands_too_far"
