"""Files made to be misread: each is read as its author means it, or asked about, never as another number."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from services.analysis.engine.tables.fills import propose_fills

from .files import read, refusal
from .test_containers import parquet

NAN = np.nan
GROUPS = "m;a;b\n" + "x;1.234,5;2\n" * 60


@pytest.mark.parametrize("cell", ["0.123", "-0.123", "00.123", "0.123.456", "012.345", "0.123,4"])
def test_what_begins_with_a_zero_has_no_groups(cell: str) -> None:
    error = refusal(GROUPS + f"y;1.000,0;{cell}\n")
    assert error.row == 62
    american = GROUPS.translate(str.maketrans(".,", ",."))
    assert refusal(american + f"y;1,000.0;{cell.translate(str.maketrans('.,', ',.'))}\n").row == 62


def test_configured_groups_do_not_make_a_thousand_of_a_thousandth() -> None:
    assert refusal("m;a;b\nx;0.123;5\ny;0.456;6\n", thousands=".").code == "not_a_number"
    assert read("m;a;b\nx;1.123;5\ny;2.456;6\n", thousands=".").features.tolist() == [[1123, 5], [2456, 6]]


@pytest.mark.parametrize("mark", [-999.9, -999.25, 9.9e37, 1e30])
def test_a_mark_of_a_logger_that_stores_float32_is_the_mark(mark: float) -> None:
    values = np.linspace(1.0, 2.0, 20).astype(np.float32)
    values[3] = mark
    content = parquet({"m": ["x"] * 20, "a": values, "b": values})
    found = read(content)
    (fill, _) = propose_fills(found.features, ["a", "b"])
    assert fill.value == mark
    cleaned = read(content, missing_values=(f"{mark:g}",)).features
    assert np.isnan(cleaned[3]).all()
    assert not np.isnan(np.delete(cleaned, 3, axis=0)).any()


@pytest.mark.parametrize(
    "cell",
    ["12.5 °C", "<0.01", "> 99", "7*", "3,5 bar", "12:30", "1/2", "45%", "1.5k", "5-", "(5)", "1.5D3"],
)
def test_a_number_with_something_beside_it_is_said_to_be_one(cell: str) -> None:
    error = refusal(f'm,a,b\nx,1.5,2\ny,2.5,3\nz,3.5,"{cell}"\n')
    assert (error.code, error.row, error.column) == ("not_a_number", 4, "b")
    assert "has something beside one" in error.message


@pytest.mark.parametrize("cell", ["Kaputt", "E17 fault", "Tripped"])
def test_a_word_is_still_proposed_as_missing(cell: str) -> None:
    error = refusal(f"m,a,b\nx,1.5,2\ny,2.5,3\nz,3.5,{cell}\n")
    assert error.proposal == {"missing_values": [cell]}


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_exports_that_were_appended_with_their_headers_are_one_table(mark: str, end: str) -> None:
    lines = ["m,a,b", "x,1.5,2", mark + "m,a,b", "y,3.25,4", mark + "m,a,b", "z,5,6", ""]
    found = read(end.join(lines))
    assert found.features.tolist() == [[1.5, 2], [3.25, 4], [5, 6]]
    assert [(each.row, each.code) for each in found.left_out] == [
        (3, "repeated_header"),
        (5, "repeated_header"),
    ]


def test_another_header_further_down_is_an_error() -> None:
    error = refusal("m,a,b\nx,1.5,2\nm,b,a\ny,3.25,4\n")
    assert (error.code, error.row, error.proposal) == ("another_header", 3, None)


def test_a_row_that_begins_with_an_error_of_excel_is_no_comment() -> None:
    found = read("# exported by hand\nm,a,b\n#N/A,1.5,2\n# restarted\n#DIV/0!,3.25,4\n")
    assert found.features.tolist() == [[1.5, 2], [3.25, 4]]


@pytest.mark.parametrize(
    "cell", ["\uff11\uff12", "\u0663", "0x10", "1_000", "1e", "1.5e+", "+-5", "5\u20135"]
)
def test_what_looks_like_a_number_to_others_is_none(cell: str) -> None:
    assert refusal(f"m,a,b\nx,1.5,2\ny,2.5,3\nz,3.5,{cell}\n").row == 4


def test_numbers_of_parquet_are_those_that_were_written() -> None:
    whole: Any = [2**53 - 1, -(2**53) + 1, 7]
    columns = {
        "m": ["x", "y", "z"],
        "a": pa.array(whole, pa.int64()),
        "b": pa.array([np.float16(0.5), np.float16(-3), np.float16(65504)], pa.float16()),
    }
    np.testing.assert_array_equal(read(parquet(columns)).features.T, [whole, [0.5, -3, 65504]])
