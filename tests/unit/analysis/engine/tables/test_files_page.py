"""docs/files.md is true: for every kind that it lists, a file is read, asked about or refused as it says."""

from __future__ import annotations

import gzip
import re
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from services.analysis.engine import Limits
from services.analysis.engine.tables import reading

from .files import advised, read, refusal
from .test_containers import parquet, workbook, zipped
from .test_workbooks import xls

NAN = np.nan
PAGE = (Path(__file__).parents[5] / "docs" / "files.md").read_text()
GOOD = "m,a,b\nx,1.5,2\ny,3.25,4\n"
VALUES = [[1.5, 2.0], [3.25, 4.0]]


def section(title: str) -> list[list[str]]:
    """The rows of the table below a title of the page, without its head."""
    text = PAGE.split(f"## {title}\n")[1].split("\n## ")[0]
    rows = [re.split(r"(?<!\\) \| ", line.strip("| ")) for line in text.splitlines() if line.startswith("|")]
    return rows[2:]


READ: dict[str, list[bytes | str]] = {
    "delimiter": [
        GOOD,
        GOOD.replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace(",", "|"),
        "sep=;\n" + GOOD.replace(",", ";"),
    ],
    "decimal separator": [GOOD.replace(",", ";").replace(".", ",")],
    "thousands": [
        "m;a;b\nx;1.500,5;2\ny;3.250,25;4\n",
        "m;a;b\nx;1,500.5;2\ny;3,250.25;4\n",
        "m;a;b\nx;1'500.5;2\ny;3'250.25;4\n",
    ],
    "exponents": [GOOD.replace("1.5", "15E-1").replace("3.25", "3.25e0"), GOOD.replace("1.5", "0.15D+01")],
    "encoding": [
        GOOD.encode("utf-16"),
        GOOD.encode("utf-32"),
        GOOD.encode("utf-8-sig"),
        GOOD.encode("utf-16-be"),
    ],
    "line ends": [GOOD.replace("\n", "\r\n"), GOOD.replace("\n", "\r"), GOOD.replace("\n", "\n\r\n")],
    "lines before the header": ["Report\nStation: 7\n\n" + GOOD, "# by hand\n" + GOOD],
    "comments between rows": [
        GOOD.replace("y,", "# restarted\ny,"),
        "# c\n" + GOOD.replace("y,", "#1,2,3\ny,"),
    ],
    "header": ["#m a b\nx 1.5 2\ny 3.25 4\n", "a,title\n" + GOOD],
    "units": [GOOD.replace("x,", ",mm/s,[bar]\nx,", 1), GOOD.replace("x,", ",mm/s,bar\n,Avg,Max\nx,", 1)],
    "nameless column": ["m,a,b,\nx,1.5,2,n\ny,3.25,4,n\n"],
    "delimiters at the end of lines": ["m,a,b,\nx,1.5,2,\ny,3.25,4,\n"],
    "quoted cells": ['"m","a","b"\n"x, ""y""\nz","1.5","2"\n"y","3.25","4"\n'],
    "end of the file": [GOOD + "\x1a", GOOD + "\x00" * 99],
    "rows without any value": [GOOD + ",,\n,,\n"],
    "missing values": [
        GOOD + "z,Bad,I/O Timeout\n",
        GOOD + "z,,NaN\n",
        GOOD + "z,#N/A,Bad [Not Connected]\n",
    ],
    "ON and OFF": ["m,a,b\nx,1.5,ON\ny,3.25,off\n"],
    "gzip, zip": [
        gzip.compress(GOOD.encode(), mtime=0),
        zipped({"a.csv": GOOD.encode(), "README.txt": b"Hello\nyou\n"}),
    ],
    "Parquet": [parquet({"m": ["x", "y"], "a": [1.5, 3.25], "b": ["2", "4"]})],
    "Excel (.xlsx, .xls)": [
        write([["Report"], ["m", "a", "b"], ["x", 1.5, 2], ["y", 3.25, "4"]]) for write in (workbook, xls)
    ],
    "lines that repeat the header": [
        GOOD.replace("y,", "m,a,b\ny,"),
        "Page 1\n" + GOOD.replace("y,", "Page 2\nm,a,b\ny,"),
    ],
    "text after the last row": [GOOD + "\n(2 rows affected)\n"],
    "totals at the end": [GOOD + "Summe,4.75,6\n", GOOD + "max,3.25,4\nmin,1.5,2\n"],
}

EXPECTED = {
    "thousands": [[1500.5, 2.0], [3250.25, 4.0]],
    "missing values": [*VALUES, [NAN, NAN]],
    "ON and OFF": [[1.5, 1.0], [3.25, 0.0]],
}


@pytest.mark.parametrize("kind", [row[0] for row in section("What is read")])
def test_what_the_page_says_is_read(kind: str) -> None:
    for content in READ[kind]:
        np.testing.assert_array_equal(read(content).features, EXPECTED.get(kind, VALUES), str(content)[:200])


ASKED: list[tuple[str, dict[str, Any]]] = [
    ("m;a;b\nx;1.234;2\n", {}),
    ("m;a;b\nx;0.5;2\nx;1,234;2\n", {}),
    ("1,2,3\n4,5,6\n", {}),
    ("m,a,b\nx,Kaputt,2\nx,1,2\n", {}),
    ("m,a,b\nx,5.5,2\nx,OFF,2\n", {}),
    ("m,a,b\nx,,2\nx,1,2\n", {"missing": "refuse"}),
]


@pytest.mark.parametrize(("row", "case"), list(zip(section("What is asked"), ASKED, strict=True)))
def test_what_the_page_says_is_asked(row: list[str], case: tuple[str, dict[str, Any]]) -> None:
    content, how = case
    error = refusal(content, **how)
    assert f"`{error.code}`" == row[1]
    field = row[2].strip("`").split(":")[0]
    assert error.proposal is not None
    assert list(error.proposal) == [field]
    assert field in error.message
    if error.code != "no_header":  # the configured names are not those by position
        assert advised(content, error, **how).features.shape[1] == 2


REFUSED: list[tuple[bytes | str, str]] = [
    ("m;a;b\nx;1.5;2\nx;2,5;2\n", "mixed_decimals"),
    ("m,a,b\nx,1.23.4,2\nx,1,2\n", "not_a_number"),
    (GOOD.replace(".5", ".5 °C"), "not_a_number"),
    ("m,a,b\nx,1e999,2\n", "too_large"),
    ("m,a,c\nx,1,2\n", "columns_not_found"),
    (GOOD + "m,b,a\n" + "x,1,2\n", "another_header"),
    ("m,b,a\nx,1,2\n", "columns_out_of_order"),
    ("m,a,b,b\nx,1,2,3\n", "duplicate_column"),
    ("m,a,b\nx,1\nx,1,2\n", "wrong_width"),
    ('m,a,b\nx,"1"2,2\nx,1,2\n', "stray_quote"),
    ("m,a,b\nö,1,2\n".encode() + b"\xf6,1,2\n", "undecodable"),
    (gzip.compress(GOOD.encode(), mtime=0)[:-4], "damaged_archive"),
    (gzip.compress(gzip.compress(gzip.compress(b"x", mtime=0), mtime=0), mtime=0), "nested_archive"),
    (b"PAR1" + b"0" * 50, "damaged_file"),
    (b"%PDF-1.7", "foreign_form"),
    ("m,a,b\n", "no_samples"),
    ("\n\n", "empty"),
]


@pytest.mark.parametrize(("content", "code"), REFUSED)
def test_what_the_page_says_is_refused(content: bytes | str, code: str) -> None:
    assert refusal(content).code == code
    assert f"`{code}`" in PAGE


def test_the_limits_of_the_page() -> None:
    cases: dict[str, tuple[bytes | str, Limits]] = {
        "expands_too_far": (
            zipped({"a": GOOD.encode() * 1000}, zipfile.ZIP_DEFLATED),
            Limits(expanded_bytes=1000),
        ),
        "line_too_long": (GOOD + "x" * 200_000, Limits(line_bytes=50_000)),
        "cell_too_long": (GOOD + "x" * 200_000 + ",1,2\n", Limits()),
        "too_many_columns": (GOOD, Limits(columns=2)),
        "too_many_rows": (GOOD, Limits(rows=1)),
        "too_many_members": (zipped({"a": GOOD.encode(), "b": GOOD.encode()}), Limits(members=1)),
    }
    for code, (content, limits) in cases.items():
        assert refusal(content, limits=limits).code == code
        assert f"`{code}`" in PAGE


def test_the_page_knows_every_error() -> None:
    folder = Path(str(reading.__file__)).parent
    codes = {code for path in folder.glob("*.py") for code in re.findall(r'code="(\w+)"', path.read_text())}
    rare = {
        "unparsable",
        "empty_archive",
        "no_numbers",
        "list_length",
        "bad_metadata",
        "no_file",
        "not_seekable",
    }
    assert {code for code in codes - rare if f"`{code}`" not in PAGE} == set()
