"""Workbooks of both formats, and several sheets."""

from __future__ import annotations

import datetime
import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import xlwt

from services.analysis.engine import EngineConfig, ReadingConfig, TableReader, open_tables
from services.analysis.engine.errors import TableError

from .test_containers import workbook

Rows = list[list[Any]]
CONFIG = EngineConfig(end_meta="time", start_dim="a", end_dim="b")
HEADER = ["time", "a", "b"]


def xls(*sheets: Rows, titles: tuple[str, ...] = ()) -> bytes:
    book = xlwt.Workbook()
    day, clock = xlwt.easyxf(num_format_str="YYYY-MM-DD HH:MM"), xlwt.easyxf(num_format_str="HH:MM")
    for place, rows in enumerate(sheets):
        sheet = book.add_sheet(titles[place] if titles else f"Sheet {place}")
        for at, row in enumerate(rows):
            for column, value in enumerate(row):
                style = {datetime.datetime: (day,), datetime.time: (clock,)}.get(type(value), ())
                if value is not None:
                    sheet.write(at, column, value, *style)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


Write = Callable[..., bytes]
BOTH = pytest.mark.parametrize("write", [xls, workbook], ids=["xls", "xlsx"])


def opened(content: bytes, **reading: Any) -> TableReader:
    return open_tables(
        [(io.BytesIO(content), "book")], config=CONFIG, reading=ReadingConfig(**reading).validate()
    )


def values(content: bytes, **reading: Any) -> list[list[float]]:
    return [row for chunk in opened(content, **reading) for row in chunk.features.tolist()]


def refused(content: bytes, **reading: Any) -> TableError:
    with pytest.raises(TableError) as caught:
        values(content, **reading)
    return caught.value


def month(number: int, rows: int = 3) -> Rows:
    days = [datetime.datetime(2024, number, 1 + row, 8) for row in range(rows)]
    return [HEADER, *[[day, number + row / 8, row] for row, day in enumerate(days)]]


@BOTH
def test_numbers_times_and_text_are_what_the_workbook_says(write: Write) -> None:
    moment, clock = datetime.datetime(2024, 3, 21, 8, 37), datetime.time(8, 37)
    content = write([HEADER, [moment, 0.1, 12345678], [clock, -1e-9, "3,5"], ["late", "Bad", None]])
    (chunk,) = opened(content)
    assert [entry["time"] for entry in chunk.metadata] == ["2024-03-21T08:37:00", "08:37:00", "late"]
    np.testing.assert_array_equal(chunk.features, [[0.1, 12345678.0], [-1e-9, 3.5], [np.nan, np.nan]])


@BOTH
def test_a_month_per_sheet_is_one_table(write: Write) -> None:
    content = write(month(1), [["Remarks"], ["none"]], month(2), titles=("Jan", "Notes", "Feb"))
    found = opened(content)
    assert found.names == ["book/Jan", "book/Feb"]
    assert [row[0] for row in values(content)] == [1.0, 1.125, 1.25, 2.0, 2.125, 2.25]
    assert found.understood[0].notes[0].params == {"sheets": ["Notes"]}


@BOTH
def test_a_copy_of_a_sheet_is_not_read_twice(write: Write) -> None:
    content = write(month(1), month(1), titles=("Raw", "Cleaned"))
    assert opened(content).names == ["book"]
    assert len(values(content)) == 3
    assert len(values(content, sheets=("Cleaned", "Raw"))) == 6


@BOTH
def test_a_sheet_is_chosen_by_its_name(write: Write) -> None:
    content = write(month(1), month(2), titles=("Jan", "Feb"))
    assert [row[0] for row in values(content, sheets=("Feb",))] == [2.0, 2.125, 2.25]
    error = refused(content, sheets=("Mar",))
    assert (error.code, error.params["sheets"]) == ("sheet_absent", ["Jan", "Feb"])


@BOTH
@pytest.mark.parametrize("rows", [[[1, True, 5], [2, 7.5, 6]], [[1, 7.5, 5], [2, False, 6]]])
def test_a_truth_value_among_numbers_is_asked_about(write: Write, rows: Rows) -> None:
    error = refused(write([HEADER, *rows]))
    assert (error.code, error.column) == ("switch_or_status", "a")
    switches = write([HEADER, [1, True, 5], [2, 0, 6], [3, False, 7]])
    assert [row[0] for row in values(switches)] == [1.0, 0.0, 0.0]


def test_truth_values_that_follow_a_thousand_numbers_are_asked_about() -> None:
    rows = [[row, row / 8, row] for row in range(1024)]
    assert refused(workbook([HEADER, *rows, [1024, True, 5]])).code == "switch_or_status"
    flags = [[row, True, row] for row in range(1024)]
    assert refused(workbook([HEADER, *flags, [1024, 7.5, 5]])).code == "switch_or_number"


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9, 0.98])
def test_a_damaged_xls_is_refused(share: float) -> None:
    good = xls(month(1, 20))
    assert refused(good[: int(len(good) * share)]).code in ("damaged_file", "foreign_form", "empty")


def test_what_is_no_workbook_in_the_same_container_is_refused() -> None:
    good = xls(month(1))
    name = "Workbook".encode("utf-16-le")
    assert refused(good.replace(name, "WordDocu".encode("utf-16-le"))).code == "foreign_form"
    assert refused(good + "EncryptedPackage".encode("utf-16-le")).code == "encrypted"
    assert refused(b"\xd0\xcf\x11\xe0" + b"\0" * 600).code == "damaged_file"
