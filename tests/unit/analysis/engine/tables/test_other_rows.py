"""Rows that are no samples, in each form of file: headers and units again, and totals at the end."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from services.analysis.engine import EngineConfig, TableReader, open_table

from .files import refusal
from .test_containers import workbook
from .test_workbooks import xls

CONFIG = EngineConfig(end_meta="m", start_dim="a", end_dim="b")
HEADER = ("m", "a", "b")
ROWS = [("x", 1.5, 2.0), ("y", 3.25, 4.0), ("z", 2.5, 9.0)]
Row = tuple[str | float | None, ...]


def csv(rows: Sequence[Row]) -> bytes:
    return "".join(",".join("" if c is None else str(c) for c in row) + "\n" for row in rows).encode()


def german(rows: Sequence[Row]) -> bytes:
    return csv(rows).replace(b",", b";").replace(b".", b",")


def quoted(rows: Sequence[Row]) -> bytes:
    return "".join(",".join(f'"{"" if c is None else c}"' for c in row) + "\n" for row in rows).encode()


def xlsx(rows: Sequence[Row]) -> bytes:
    return workbook([list(row) for row in rows])


def old_excel(rows: Sequence[Row]) -> bytes:
    return xls([list(row) for row in rows])


FORMS: list[Callable[[Sequence[Row]], bytes]] = [csv, german, quoted, xlsx, old_excel]


def opened(content: bytes) -> tuple[np.ndarray[tuple[int, int], np.dtype[np.float64]], TableReader]:
    reader = open_table(io.BytesIO(content), name="t", config=CONFIG)
    return np.concatenate([chunk.features for chunk in reader]), reader


def left_out(reader: TableReader) -> list[tuple[int | None, str]]:
    return [(each.row, each.code) for each in reader.facts.left_out]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("totals", "count"),
    [
        ([("Summe", 7.25, 15.0)], 1),
        ([("Total:", None, 15.0)], 1),
        ([("max", 3.25, 9.0), ("MIN", 1.5, 2.0), ("Mittelwert", 2.4167, 5.0)], 3),
        ([("Anzahl", 3, 3)], 1),
        ([(None, 7.25, 15.0)], 1),
        ([(None, 7.251, None)], 1),
    ],
)
def test_totals_at_the_end_are_no_samples(
    form: Callable[[Sequence[Row]], bytes], totals: list[Row], count: int
) -> None:
    values, reader = opened(form([HEADER, *ROWS, *totals]))
    np.testing.assert_array_equal(values, [row[1:] for row in ROWS])
    assert left_out(reader) == [(len(ROWS) + 2 + at, "totals") for at in range(count)]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "last",
    [
        # The names of samples.
        [("min", 1.5, 9.5), ("max", 4.0, 9.0)],
        [("n", 3.0, 4.0)],
        [("Total", 1.0, 2.0), ("w", 1.0, 2.0)],
        # No sum, and a name of its own.
        [(None, 7.5, 15.0)],
        [("total flow", 7.25, 15.0)],
    ],
)
def test_samples_that_look_like_totals_are_read(
    form: Callable[[Sequence[Row]], bytes], last: list[Row]
) -> None:
    values, reader = opened(form([HEADER, *ROWS, *last]))
    np.testing.assert_array_equal(values, [row[1:] for row in (*ROWS, *last)])
    assert left_out(reader) == []


def test_a_nameless_sum_among_samples_without_names_is_a_sample() -> None:
    rows: list[Row] = [(None, 1.0, 2.0), ("w", 3.0, 4.0), (None, 2.0, 3.0), (None, 6.0, 9.0)]
    np.testing.assert_array_equal(opened(csv([HEADER, *rows]))[0], [row[1:] for row in rows])


def test_a_table_of_nothing_but_totals_is_read() -> None:
    rows: list[Row] = [("Min", 1.0, 2.0), ("Max", 3.0, 4.0), ("Mean", 2.0, 3.0)]
    np.testing.assert_array_equal(opened(csv([HEADER, *rows]))[0], [row[1:] for row in rows])


def test_samples_may_be_called_as_totals_are_if_they_are_everywhere() -> None:
    rows: list[Row] = [("total", 1.0, 2.0), ("part", 3.0, 4.0), ("total", 2.0, 3.0)]
    np.testing.assert_array_equal(opened(csv([HEADER, *rows]))[0], [row[1:] for row in rows])


def test_totals_of_a_long_table_are_found() -> None:
    """The sum is that of all batches."""
    values = np.round(np.random.default_rng(3).uniform(1, 9, (30_000, 2)), 2)
    rows: list[Row] = [(f"r{number}", float(a), float(b)) for number, (a, b) in enumerate(values)]
    sums = values.sum(axis=0)
    content = csv([HEADER, *rows, (None, round(float(sums[0]), 2), round(float(sums[1]), 2))])
    found, reader = opened(content)
    np.testing.assert_array_equal(found, values)
    assert left_out(reader) == [(30_002, "totals")]


def test_totals_of_a_typed_table_are_found() -> None:
    table = pa.table({"m": ["x", "y", "z", "Total"], "a": [1.5, 3.25, 2.5, 7.25], "b": [2.0, 4.0, 9.0, 15.0]})
    sink = io.BytesIO()
    pq.write_table(table, sink)
    np.testing.assert_array_equal(opened(sink.getvalue())[0], [row[1:] for row in ROWS])


@pytest.mark.parametrize("form", FORMS)
def test_a_header_with_units_in_between_is_no_sample(form: Callable[[Sequence[Row]], bytes]) -> None:
    units: Row = ("", "bar", "1/min")
    values, reader = opened(form([HEADER, units, *ROWS, HEADER, units, *ROWS]))
    np.testing.assert_array_equal(values, [row[1:] for row in ROWS] * 2)
    assert left_out(reader) == [(6, "repeated_header"), (7, "repeated_units")]


def test_a_header_in_another_spelling_is_one() -> None:
    content = csv([HEADER, *ROWS]) + b'"m","a",b \n' + csv(ROWS)
    values, reader = opened(content)
    np.testing.assert_array_equal(values, [row[1:] for row in ROWS] * 2)
    assert left_out(reader) == [(5, "repeated_header")]


def test_a_total_in_the_column_of_a_sensor_is_refused() -> None:
    """As a word for a missing value, the rest of the row would be a sample."""
    error = refusal(csv([HEADER, *ROWS, ("w", "Summe", 15.0)]))
    assert (error.code, error.row, error.proposal) == ("total_row", 5, None)


def test_a_status_word_may_be_the_name_of_a_column() -> None:
    error = refusal(csv([("m", "a", "trip", "b"), ("x", "trip", 1.0, 2.0), ("x", 3.0, 1.0, 2.0)]))
    assert (error.code, error.proposal) == ("not_a_number", {"missing_values": ["trip"]})


@pytest.mark.parametrize("other", [b"m,b,a\n", b"b,m,a\n", b"m,b,c\n", b"m,b,\n"])
def test_another_header_is_refused_because_columns_may_have_moved(other: bytes) -> None:
    error = refusal(csv([HEADER, *ROWS]) + other + csv(ROWS))
    assert (error.code, error.row, error.proposal) == ("another_header", 5, None)


@pytest.mark.parametrize("last", ["Summe", ""])
def test_the_largest_numbers_have_no_sum(last: str) -> None:
    large: list[Row] = [("x", 1.7e308, 1.7e308), ("y", 1.7e308, None), ("z", 1.7e308, -1.7e308)] * 3
    content = csv([HEADER, *large, (last, 1.7e308, 1.7e308)])
    reader = open_table(io.BytesIO(content), name="t.csv", config=CONFIG)
    # Only the name says that the last row is a total.
    assert sum(len(chunk.features) for chunk in reader) == len(large) + (not last)


def test_a_number_that_is_far_from_the_sum_of_large_ones_is_no_sum() -> None:
    rows: list[Row] = [("x", 1.0, 1.7e308), ("y", 1.0, 1.0), ("z", 1.0, 1.0), (None, 3.0, -1.7e308)]
    assert len(opened(csv([HEADER, *rows]))[0]) == len(rows)


@pytest.mark.parametrize("names", [("a", "b"), ("400", "401"), ("Bad", "b"), ("Bad", "NaN")])
def test_a_header_that_comes_again_in_any_block_is_no_sample(names: tuple[str, str]) -> None:
    part = [(f"run {row} {'x' * 80}", 1.0 + row, row / 7) for row in range(15_000)]
    header = ("m", *names)
    content = csv([header, *part, header, *part, *part[:50], header, *part[:9], header])
    config = EngineConfig(end_meta="m", start_dim=names[0], end_dim=names[1])
    reader = open_table(io.BytesIO(content), name="t", config=config)
    values = np.concatenate([chunk.features for chunk in reader])
    np.testing.assert_array_equal(values, [row[1:] for row in [*part, *part, *part[:50], *part[:9]]])
    assert left_out(reader) == [(row, "repeated_header") for row in (15_002, 30_053, 30_063)]


@pytest.mark.parametrize(
    ("footer", "lines"),
    [
        ("\n(3 rows affected)\n", (6,)),
        ("(3 Zeilen betroffen)\n\nCompletion time: 2024-01-01T00:00:00.1234567+01:00\n", (5, 7)),
        ("*** End of report ***\n\n\n", (5,)),
        ("Generated by Historian 4.2, 2024-01-01 12:00\r\n", (5,)),
        ('"End, of ""file"""\n', (5,)),
    ],
)
def test_text_after_the_last_row_is_no_sample(footer: str, lines: tuple[int, ...]) -> None:
    values, reader = opened(csv([HEADER, *ROWS]) + footer.encode())
    np.testing.assert_array_equal(values, [row[1:] for row in ROWS])
    assert left_out(reader) == [(line, "footer") for line in lines]


@pytest.mark.parametrize(
    "end",
    [
        "w,2.5\n",
        "Rows,3\n",
        "17\n",
        "(3 rows)\nw,1.0,2.0\n",
        "End of a row\nthat,is,cut,there\n",
        "End\n" + "x" * 20_000 + "\n",
    ],
)
def test_what_may_be_a_row_is_no_footer(end: str) -> None:
    error = refusal(csv([HEADER, *ROWS]) + end.encode())
    assert (error.code, error.row) == ("wrong_width", 5)


def test_a_footer_is_found_behind_many_blocks() -> None:
    rows: list[Row] = [(f"run {row} {'x' * 80}", 1.0 + row, row / 7) for row in range(30_000)]
    values, reader = opened(csv([HEADER, *rows]) + b"\n(30000 rows affected)\n")
    np.testing.assert_array_equal(values, [row[1:] for row in rows])
    assert left_out(reader) == [(30_003, "footer")]


@pytest.mark.parametrize("length", [3, 15_000])
def test_a_report_repeats_its_preamble_on_each_page(length: int) -> None:
    rows: list[Row] = [(f"run {row} {'x' * 80}", 1.0 + row, row / 7) for row in range(length)]

    def page(number: int) -> bytes:
        head = f"Plant report, unit 4\nPage {number} of 3 (printed 2024-01-0{number})\n\n"
        return head.encode() + csv([HEADER, *rows]) + b"\n"

    values, reader = opened(page(1) + page(2) + page(3))
    np.testing.assert_array_equal(values, [row[1:] for row in rows] * 3)
    pages = [(length + 5) * number for number in (1, 2)]
    assert left_out(reader) == [
        (page + line, code)
        for page in pages
        for line, code in ((1, "repeated_preamble"), (2, "repeated_preamble"), (4, "repeated_header"))
    ]


def test_a_line_that_is_not_of_the_preamble_is_refused() -> None:
    pages = b"Plant report\n" + csv([HEADER, *ROWS]) + b"Another report\n" + csv([HEADER, *ROWS])
    error = refusal(pages)
    assert (error.code, error.row) == ("wrong_width", 6)
