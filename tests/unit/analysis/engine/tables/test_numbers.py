"""Numbers: the decimal separator is decided by the whole file, and what is in doubt is asked about."""

from __future__ import annotations

import numpy as np
import pytest

from services.analysis.engine import EngineConfig

from .files import advised, read, refusal

NAN = np.nan


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (["1,5", "2,25"], [1.5, 2.25]),
        (["1.234,5", "2"], [1234.5, 2.0]),
        (["1,234.5", "2"], [1234.5, 2.0]),
        (["1.234.567", "1.234"], [1234567.0, 1234.0]),
        (["1,234,567", "1,234"], [1234567.0, 1234.0]),
        (["1 234,5", "12 345 678,25"], [1234.5, 12345678.25]),
        (["1\u00a0234,5", "2\u202f345,5"], [1234.5, 2345.5]),
        (["1'234.5", "2'345'678.5"], [1234.5, 2345678.5]),
        (["1\u2019234.5", "2"], [1234.5, 2.0]),
        (["0,123", "1,234"], [0.123, 1.234]),
        (["0.123", "1.234"], [0.123, 1.234]),
        (["1234,567", "1,234"], [1234.567, 1.234]),
        (["1,5e-3", "1,5E+03"], [0.0015, 1500.0]),
        ([",5", "-,25"], [0.5, -0.25]),
        (["5,", "1,5"], [5.0, 1.5]),
        (["+1,5", "\u22122,5"], [1.5, -2.5]),
        (["1e3", "2E-3"], [1000.0, 0.002]),
        (["999,5", "1.000,5"], [999.5, 1000.5]),
        (["0.125D+03", "-.5d-02"], [125.0, -0.005]),
        (["0,125D+03", "1,5"], [125.0, 1.5]),
        (["007", "12"], [7.0, 12.0]),
    ],
)
@pytest.mark.parametrize("far", [0, 300, 20_000])
def test_the_separators_of_a_column(cells: list[str], values: list[float], far: int) -> None:
    """The cells that settle it may stand at the end of a long file."""
    rows = ["x;1;7"] * far + [f"x;{cell};7" for cell in cells]
    found = read("m;a;b\n" + "\n".join(rows) + "\n")
    np.testing.assert_array_equal(found.features[far:, 0], values)


@pytest.mark.parametrize("settles", ["0,5", "12,25", "1.234,5", "1.234.567", "1,5e3"])
@pytest.mark.parametrize("far", [0, 1000, 20_000])
def test_one_cell_anywhere_settles_what_another_means(settles: str, far: int) -> None:
    text = "m;a;b\nx;1.234;1\n" + "x;5;6\n" * far + f"x;5;{settles}\n"
    assert read(text).features[0].tolist() == [1234.0, 1.0]


@pytest.mark.parametrize("settles", ["0.5", "12.25", "1,234.5", "1,234,567", "1.5e3"])
def test_one_cell_anywhere_settles_it_the_other_way(settles: str) -> None:
    text = f"m;a;b\nx;1.234;1\nx;5;{settles}\n"
    assert read(text).features[0].tolist() == [1.234, 1.0]


@pytest.mark.parametrize("delimiter", [";", "\t", "|", " "])
@pytest.mark.parametrize("mark", [".", ","])
@pytest.mark.parametrize("far", [0, 20_000])
def test_numbers_that_can_be_read_in_two_ways_are_asked_about(delimiter: str, mark: str, far: int) -> None:
    rows = [["m", "a", "b"], *[["x", "1", "7"]] * far, ["x", f"1{mark}234", "7"], ["y", f"12{mark}500", "7"]]
    text = "\n".join(map(delimiter.join, rows)) + "\n"
    error = refusal(text)
    assert (error.code, error.column, error.row) == ("ambiguous_number", "a", far + 2)
    assert error.params["options"] == [".", ","]
    assert "decimal" in error.message
    assert advised(text, error).features.shape == (far + 2, 2)
    as_decimals = read(text, decimal=mark).features[far:, 0].tolist()
    as_groups = read(text, decimal="." if mark == "," else ",").features[far:, 0].tolist()
    assert (as_decimals, as_groups) == ([1.234, 12.5], [1234.0, 12500.0])
    assert read(text, thousands=mark).features[far:, 0].tolist() == [1234.0, 12500.0]
    assert read(text, thousands="").features[far:, 0].tolist() == [1.234, 12.5]


def test_a_comma_between_cells_is_no_decimal_comma() -> None:
    assert read("m,a,b\nx,1.234,2.500\n").features.tolist() == [[1.234, 2.5]]


def test_quoted_groups_between_commas_are_asked_about_if_nothing_settles_them() -> None:
    assert refusal('m,a,b\nx,"1,234",2\n').code == "ambiguous_number"
    assert read('m,a,b\nx,"1,234",0.5\n').features.tolist() == [[1234.0, 0.5]]
    assert read('m,a,b\nx,"1,234","0,5"\n').features.tolist() == [[1.234, 0.5]]


@pytest.mark.parametrize("far", [0, 300, 20_000])
def test_two_decimal_separators_in_one_file_are_refused(far: int) -> None:
    text = "m;a;b\nx;1.5;2\n" + "x;0.5;2\n" * far + "x;1,5;2\n"
    error = refusal(text)
    assert (error.code, error.proposal) == ("mixed_decimals", None)
    assert "1,5" in error.message


def test_a_separator_that_was_mistyped_in_one_cell_is_never_read_as_groups() -> None:
    """`1,234` among 1.234 and 0.5 of one column was 1.234 once, and not 1234."""
    text = "m;a;b\nx;0.5;2\nx;1,234;2\nx;1.234;2\n"
    for decimal in (None, "."):
        error = refusal(text, decimal=decimal)
        assert (error.code, error.column, error.row) == ("ambiguous_groups", "a", 3)
        assert advised(text, error, decimal=decimal).features[:, 0].tolist() == [0.5, 1234.0, 1.234]


@pytest.mark.parametrize(
    "cell", ["1.23.4", "12.34,5", "1,2,3", "1234.567,8", "1,23.456", "--5", "1.234,56.7", "1..5"]
)
def test_malformed_numbers_are_refused(cell: str) -> None:
    error = refusal(f"m;a;b\nx;0,5;2\nx;{cell};2\n")
    assert error.column == "a"


def test_the_configuration_decides() -> None:
    text = "m;a;b\nx;1.234;2\n"
    assert read(text, decimal=",", thousands=".").features[0, 0] == 1234.0
    assert refusal(text, decimal=",", thousands="").code == "not_a_number"
    assert read("m;a;b\nx;1.234,5;2\n", decimal=",").features[0, 0] == 1234.5
    assert refusal("m;a;b\nx;1.5;2\n", decimal=",").code == "not_a_number"


WORDS = [
    *(
        "",
        " ",
        "NaN",
        "nan",
        "NULL",
        "null",
        "N/A",
        "#N/A",
        "NA",
        "None",
        "-",
        "--",
        "?",
        "inf",
        "-Inf",
        "Infinity",
    ),
    *("Bad", "BAD", "I/O Timeout", "Scan Timeout", "Inp OutRange", "Questionable", "No Data", "Not Connect"),
    *(
        "Out of Serv",
        "Comm Fail",
        "Bad Input",
        "Pt Created",
        "Shutdown",
        "Arc Off-line",
        "#DIV/0!",
        "#VALUE!",
    ),
    *(
        "#NV",
        "Bad [Not Connected]",
        "uncertain, last usable value",
        "Bad(Device Failure)",
        "no  data",
        "1.#QNAN",
    ),
]


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("decimal", [".", ","])
def test_words_for_missing_values(word: str, decimal: str) -> None:
    rows = ["x;0.5;1.25", f"x;{word};2.5", f"x;3.75;{word}", f"x;{word};0.25"]
    found = (
        read("m;a;b\n" + "\n".join(rows).replace("." if "#" not in word else "\x00", decimal) + "\n")
        if (decimal == "." or "." not in word)
        else read("m;a;b\n" + "\n".join(rows) + "\n")
    )
    np.testing.assert_array_equal(found.features, [[0.5, 1.25], [NAN, 2.5], [3.75, NAN], [NAN, 0.25]])
    assert {name: sum(words.values()) for name, words in found.missing.items()} == {"a": 2, "b": 1}
    assert set(found.missing["a"]) == {word.strip()}


def test_missing_cells_are_counted_per_column_and_word() -> None:
    found = read("m,a,b\n" + "x,Bad,1\n" * 3 + "x,,2\n" * 2 + "x,bad,I/O Timeout\nx,1,2\n")
    assert found.missing == {"a": {"Bad": 3, "": 2, "bad": 1}, "b": {"I/O Timeout": 1}}


@pytest.mark.parametrize(
    "word", ["Kaputt", "sensor 7 out", "Pump Trip", "12 V", "$1.50", "1_000", "0x10", "n.V."]
)
@pytest.mark.parametrize("far", [0, 20_000])
def test_an_unknown_word_is_asked_about_and_the_advice_helps(word: str, far: int) -> None:
    text = "m,a,b\nx,1.5,2\n" + "x,1.5,2\n" * far + f"x,{word},2\n"
    error = refusal(text)
    assert (error.code, error.row, error.column) == ("not_a_number", far + 3, "a")
    found = advised(text, error)
    np.testing.assert_array_equal(found.features[-1], [NAN, 2.0])
    assert found.missing["a"] == {word: 1}


@pytest.mark.parametrize(
    "pair", [("ON", "OFF"), ("on", "off"), ("True", "False"), ("TRUE", "FALSE"), ("yes", "no")]
)
def test_switches_are_one_and_zero(pair: tuple[str, str]) -> None:
    one, zero = pair
    found = read(f"m,a,b\nx,{one},1.5\nx,{zero},2.5\nx,Bad,3.5\nx,{one},4.5\n")
    np.testing.assert_array_equal(found.features[:, 0], [1.0, 0.0, NAN, 1.0])


@pytest.mark.parametrize("far", [0, 20_000])
@pytest.mark.parametrize(("first", "then"), [("5.5", "OFF"), ("OFF", "5.5")])
def test_off_among_numbers_is_no_zero_but_a_question(far: int, first: str, then: str) -> None:
    """A sensor that is switched off measures nothing."""
    text = f"m,a,b\nx,{first},1\n" + f"x,{first},1\n" * far + f"x,{then},1\n"
    error = refusal(text)
    assert error.code in ("switch_or_status", "switch_or_number")
    found = advised(text, error)
    assert set(found.features[:, 0][~np.isnan(found.features[:, 0])]) == {5.5}


@pytest.mark.parametrize("mark", ["-9999", "9999", "-999.25", "0"])
def test_marks_are_numbers_unless_the_configuration_lists_them(mark: str) -> None:
    text = f"m,a,b\nx,1.5,2\nx,{mark}.0,3\nx,{mark},4\n".replace("25.0", "25")
    assert read(text).features[1:, 0].tolist() == [float(mark)] * 2
    found = read(text, missing_values=(mark,))
    np.testing.assert_array_equal(found.features[:, 0], [1.5, NAN, NAN])
    assert found.missing["a"].total() == 2


def test_marks_in_files_with_a_decimal_comma() -> None:
    text = "m;a;b\nx;1,5;2\nx;-999,25;3\nx;-999,25;Bad\n"
    for word in ("-999,25", "-999.25"):
        np.testing.assert_array_equal(read(text, missing_values=(word,)).features[:, 0], [1.5, NAN, NAN])


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("use", [NAN, 1, NAN, NAN, 4, NAN]),
        ("previous", [NAN, 1, 1, 1, 4, 4]),
        ("linear", [NAN, 1, 2, 3, 4, NAN]),
    ],
)
def test_missing_values_can_be_filled_in(how: str, expected: list[float]) -> None:
    text = "m,a,b\n" + "".join(f"x,{cell},7\n" for cell in ("", "1", "", "Bad", "4", ""))
    np.testing.assert_array_equal(read(text, missing=how).features[:, 0], expected)


def test_gaps_are_filled_in_across_chunks_and_long_ones_are_not() -> None:
    cells = ["0", *[""] * 5000, "5001", *[""] * 30_000, "7"]
    found = read("m,a,b\n" + "".join(f"x,{cell},7\n" for cell in cells), missing="linear").features[:, 0]
    np.testing.assert_allclose(found[:5002], np.arange(5002))
    assert np.isnan(found[5002:-1]).any()
    assert found[-1] == 7.0


def test_missing_values_can_be_refused() -> None:
    error = refusal("m,a,b\nx,1,2\nx,3,Bad\n", missing="refuse")
    assert (error.code, error.row, error.column) == ("missing_value", 3, "b")
    assert advised("m,a,b\nx,1,2\nx,3,Bad\n", error, missing="refuse").features.shape == (2, 2)


def test_metadata_follow_the_decimal_separator() -> None:
    config = EngineConfig(end_meta="v", start_dim="a", end_dim="b")
    found = read("m;v;a;b\nx;1,5;0,5;2\n007;1.5;0,5;2\n", config)
    assert found.metadata == [{"m": "x", "v": 1.5}, {"m": "007", "v": "1.5"}]


def test_both_separators_without_proof_are_asked_about_once() -> None:
    text = "m;a;b\nx;1.234;2\nx;2,345;3\n"
    error = refusal(text)
    assert error.code == "ambiguous_number"
    assert advised(text, error).features[:, 0].tolist() == [1.234, 2345.0]


@pytest.mark.parametrize("cell", ["12D3", "3D+2", "1.5D+2x", "1.5D3", "12d-03", "D+03"])
def test_what_only_resembles_a_number_of_fortran_is_none(cell: str) -> None:
    error = refusal(f"m,a,b\nx,1.0,2.0\nx,{cell},2.0\n")
    assert (error.code, error.row, error.column) == ("not_a_number", 3, "a")
