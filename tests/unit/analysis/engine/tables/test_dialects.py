"""Plant files as they are: delimiters, encodings, headers, preambles, units, tails."""

from __future__ import annotations

import codecs
import gzip
import io

import numpy as np
import pytest

from services.analysis.engine import EngineConfig, ReadingConfig
from services.analysis.engine.tables.csv_sheet import CsvSheet
from services.analysis.engine.tables.sources import Source

from .files import CONFIG, read, refusal

EXPECTED = [[1.5, 20.25], [-3.5, 4.75], [0.5, 6.125]]
ROWS = [("x", "1.5", "20.25"), ("y", "-3.5", "4.75"), ("z", "0.5", "6.125")]


def lines(delimiter: str = ",", end: str = "\n", comma: bool = False) -> str:
    cells = [("m", "a", "b"), *ROWS]
    text = end.join(delimiter.join(row) for row in cells) + end
    return text.replace(".", ",") if comma else text


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("comma", [False, True])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", "   ", " \t "])
def test_every_delimiter_with_either_decimal_separator(delimiter: str, comma: bool, end: str) -> None:
    if delimiter == "," and comma:
        return
    found = read(lines(delimiter, end, comma))
    np.testing.assert_array_equal(found.features, EXPECTED)
    assert [entry["m"].strip() for entry in found.metadata] == ["x", "y", "z"]


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_spaces_around_cells_and_quoted_decimal_commas(delimiter: str) -> None:
    text = "\n".join(f" {delimiter} ".join(row) for row in [("m", "a", "b"), *ROWS]) + "\n"
    np.testing.assert_array_equal(read(text.replace(".", ",")).features, EXPECTED)


def test_quoted_decimal_commas_between_commas() -> None:
    text = 'm,a,b\nx,"1,5","20,25"\ny,"-3,5","4,75"\nz,"0,5","6,125"\n'
    np.testing.assert_array_equal(read(text).features, EXPECTED)


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [
        ("utf-8", codecs.BOM_UTF8),
        ("utf-8", b""),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
        ("utf-16-be", b""),
        ("utf-32-le", codecs.BOM_UTF32_LE),
        ("cp1252", b""),
    ],
)
def test_encodings(encoding: str, mark: bytes) -> None:
    names = EngineConfig(end_meta="Prüfstand", start_dim="T [°C]", end_dim="Weg [µm]")
    text = "Prüfstand;T [°C];Weg [µm]\r\nWärme;1,5;20,25\r\nKälte;-3,5;4,75\r\nÖl;0,5;6,125\r\n"
    found = read(mark + text.encode(encoding), names)
    np.testing.assert_array_equal(found.features, EXPECTED)
    assert [entry["Prüfstand"] for entry in found.metadata] == ["Wärme", "Kälte", "Öl"]
    assert found.understood.encoding == encoding


def test_ascii_until_far_into_the_file() -> None:
    far = "m,a,b\n" + "x,1,2\n" * 50_000
    assert read((far + "Öl,1,2\n").encode("cp1252")).metadata[-1] == {"m": "Öl"}
    assert read((far + "Öl,1,2\n").encode("utf-8")).metadata[-1] == {"m": "Öl"}
    mixed = (far + "Öl,1,2\n").encode("utf-8") + "Öl,1,2\n".encode("cp1252")
    assert refusal(mixed).row == 50_003


def test_a_configured_encoding_is_obeyed() -> None:
    names = EngineConfig(end_meta="m", start_dim="Ток", end_dim="b")
    found = read("m,Ток,b\nx,1,2\n".encode("cp1251"), names, encoding="cp1251")
    np.testing.assert_array_equal(found.features, [[1.0, 2.0]])
    assert refusal("m,a,b\nx\xff,1,2\n".encode("latin-1"), encoding="utf-8").code == "undecodable"


def test_mixed_line_ends_and_blank_lines() -> None:
    found = read("m,a,b\r\nx,1,2\n\ny,3,4\r\r\nz,5,6")
    np.testing.assert_array_equal(found.features, [[1, 2], [3, 4], [5, 6]])


@pytest.mark.parametrize("first", ["sep=;", '"sep=;"', "SEP=;"])
def test_the_line_of_excel_that_names_the_delimiter(first: str) -> None:
    found = read(f"{first}\nm;a;b\nx,1;1;2\n")
    np.testing.assert_array_equal(found.features, [[1.0, 2.0]])
    assert found.metadata == [{"m": "x,1"}]


PREAMBLES = {
    "comments": "# Logger XY\n# Serial 123\n",
    "slashes": "// exported\n// by hand\n",
    "key and value": "Device,Logger 5\nSerial,123\nRange,50\n",
    "key: value": "Station: Press 7\nFrom: 2024-03-01 08:00:00\nTo: 2024-03-02\n\n",
    "title": "Report of the historian\n\n",
    "long": "".join(f"Channel {number};Gain;{number}\n" for number in range(40)),
    "quotes": 'Note;"5"" pipe"\n',
}


@pytest.mark.parametrize("preamble", PREAMBLES.values(), ids=PREAMBLES)
@pytest.mark.parametrize("units", [",mm/s,°C\n", "s,[mm/s],[°C]\n", ""])
def test_lines_before_the_header_and_units_below_it(preamble: str, units: str) -> None:
    """With the configured names, and without them, as a preview has to."""
    text = preamble + "m,a,b\n" + units + "x,1.5,20.25\ny,-3.5,4.75\nz,0.5,6.125\n" * 10
    found = read(text)
    np.testing.assert_array_equal(found.features, EXPECTED * 10)
    assert found.understood.header_line == preamble.count("\n") + 1
    assert bool(found.understood.units) == bool(units)
    if units:
        assert found.understood.units[1].strip("[]") == "mm/s"
    sheet = CsvSheet.open(Source(io.BytesIO(text.encode()), "t.csv"), ReadingConfig())
    assert sheet.header == ("m", "a", "b")
    assert sheet.understood == found.understood


def test_campbell_toa5() -> None:
    text = (
        '"TOA5","Station","CR1000","1234","CR1000.Std.32","CPU:prog.CR1","5","Table1"\r\n'
        '"TIMESTAMP","RECORD","BattV_Min","AirTC_Avg"\r\n"TS","RN","Volts","Deg C"\r\n"","","Min","Avg"\r\n'
        '"2024-03-01 08:00:00",0,12.5,"NAN"\r\n"2024-03-01 08:01:00",1,12.61,20.25\r\n'
    )
    found = read(text, EngineConfig(end_meta="RECORD", start_dim="BattV_Min", end_dim="AirTC_Avg"))
    np.testing.assert_array_equal(found.features, [[12.5, np.nan], [12.61, 20.25]])
    assert found.understood.units == ("TS", "RN", "Volts", "Deg C")
    assert found.missing == {"AirTC_Avg": {"NAN": 1}}


@pytest.mark.parametrize(("separator", "decimal"), [("\t", "."), ("\t", ",")])
def test_labview_lvm(separator: str, decimal: str) -> None:
    head = (
        "LabVIEW Measurement\t\nWriter_Version\t2\nReader_Version\t2\nSeparator\tTab\n"
        f"Decimal_Separator\t{decimal}\nMulti_Headings\tNo\nX_Columns\tOne\nTime_Pref\tRelative\n"
        "***End_of_Header***\t\n\t\nChannels\t2\t\t\nSamples\t3\t3\t\nDate\t2024/03/01\t2024/03/01\t\n"
        "X0\t0\t0\t\nDelta_X\t0.001\t0.001\t\n***End_of_Header***\t\t\t\nX_Value\ta\tb\tComment\n"
    )
    rows = "0.000\t1.500\t20.250\n0.001\t-3.500\t4.750\n0.002\t0.500\t6.125\n".replace(".", decimal)
    found = read(head + rows, EngineConfig(end_meta="X_Value", start_dim="a", end_dim="b"))
    np.testing.assert_array_equal(found.features, EXPECTED)
    assert [entry["X_Value"] for entry in found.metadata] == [0.0, 0.001, 0.002]


def test_a_header_that_is_a_comment() -> None:
    found = read("# made by numpy\n# m a b\n1 1.5 20.25\n2 -3.5 4.75\n3 0.5 6.125\n")
    np.testing.assert_array_equal(found.features, EXPECTED)


def test_comments_among_the_rows() -> None:
    found = read("# by hand\nm,a,b\nx,1,2\n# restarted, at noon\ny,3,4\n#\nz,oops2,6\n".replace("oops2", "5"))
    np.testing.assert_array_equal(found.features, [[1, 2], [3, 4], [5, 6]])
    found = read("m,a,b\nx,1,2\n# restarted\n#12,3,4\n")
    assert [entry["m"] for entry in found.metadata] == ["x", "#12"]
    assert refusal("# by hand\nm,a,b\nx,1,2\n# restarted\ny,x3,4\n").row == 5


def test_no_header() -> None:
    text = "2024-03-01 08:00:00,1.5,20.25\n2024-03-01 08:01:00,-3.5,4.75\n2024-03-01 08:02:00,0.5,6.125\n"
    config = EngineConfig(end_meta="column_1", start_dim="column_2", end_dim="column_3")
    error = refusal(text, config)
    assert (error.code, error.row, error.proposal) == ("no_header", 1, {"header": 0})
    found = read(text, config, header=0)
    np.testing.assert_array_equal(found.features, EXPECTED)
    assert found.metadata[0] == {"column_1": "2024-03-01 08:00:00"}


def test_the_header_can_be_named_by_its_line() -> None:
    text = "a,b,c\n1,2,3\nm,a,b\nx,1,2\n"
    np.testing.assert_array_equal(read(text, header=3).features, [[1.0, 2.0]])
    assert refusal(text, header=99).code == "no_header"


def test_names_that_are_numbers() -> None:
    text = ",0,1,2,3\n2004.02.12.10.32.39,0.058,0.07,0.08,0.04\n2004.02.12.10.42.39,0.059,0.07,0.09,0.04\n"
    found = read(text, EngineConfig(end_meta="column_1", start_dim="0", end_dim="3"))
    assert found.features.shape == (2, 4)
    spectrum = "m,10.0,12.5\nx,1,2\ny,3,4\n"
    found = read(spectrum, EngineConfig(end_meta="m", start_dim="10.0", end_dim="12.5"))
    np.testing.assert_array_equal(found.features, [[1, 2], [3, 4]])


@pytest.mark.parametrize(
    "text",
    [
        "m,a,b,\nx,1.5,20.25,\ny,-3.5,4.75,\nz,0.5,6.125,\n",
        "m,a,b\nx,1.5,20.25,\ny,-3.5,4.75,\nz,0.5,6.125,\n",
        "m,a,b,\nx,1.5,20.25\ny,-3.5,4.75\nz,0.5,6.125\n",
        "m;a;b;\r\nx;1,5;20,25;\r\ny;-3,5;4,75;\r\nz;0,5;6,125;\r\n",
    ],
)
def test_delimiters_at_the_end_of_lines(text: str) -> None:
    found = read(text)
    np.testing.assert_array_equal(found.features, EXPECTED)
    assert list(found.metadata[0]) == ["m"]


def test_a_value_in_the_column_that_a_trailing_delimiter_makes_is_refused() -> None:
    error = refusal("m,a,b,\n" + "x,1,2,\n" * 300 + "y,1,2,9\n")
    assert (error.code, error.row) == ("wrong_width", 302)


@pytest.mark.parametrize(
    "tail", [b"\x1a", b"\x00" * 5, b"\x00" * 3_000_000, b"\r\n\x1a\x00\x00", b"\n\x00\n\x00"]
)
def test_tails_of_ctrl_z_and_nul(tail: bytes) -> None:
    found = read(lines().encode() + tail)
    np.testing.assert_array_equal(found.features, EXPECTED)
    assert not found.left_out


@pytest.mark.parametrize("last", ["z,0.5", "z", 'z,0.5,"6.1', "z,0.5,6.1", "z,0.5,6.", "z,0.5,"])
def test_a_line_that_was_cut_is_named_and_left_out(last: str) -> None:
    text = "m,a,b\n" + "x,1.50,20.25\n" * 5 + last
    for content in (text.encode(), text.encode() + b"\x00" * 100, text.encode("utf-16")):
        found = read(content)
        np.testing.assert_array_equal(found.features, [[1.5, 20.25]] * 5)
        assert [(left.row, left.code) for left in found.left_out] == [(7, "cut_line")]


@pytest.mark.parametrize("last", ["z,0.5,6.12500", "z,0.5,6.12500e", "z,0.5,6.12500e+", "z,0.5,6.12500e+0"])
@pytest.mark.parametrize("mark", ["e", "D"])
def test_a_number_that_lost_its_exponent_is_left_out(last: str, mark: str) -> None:
    text = "m,a,b\n" + "x,1.50,2.02500e+01\n" * 5 + last
    found = read(text.replace("e", mark))
    np.testing.assert_array_equal(found.features, [[1.5, 20.25]] * 5)
    assert [(left.row, left.code) for left in found.left_out] == [(7, "cut_line")]


def test_a_complete_last_line_without_an_end_is_read() -> None:
    assert read("m,a,b\nx,1.5,20.25\ny,1.5,4.75").features[-1].tolist() == [1.5, 4.75]
    assert read("m,a,b\nx,1,2").features.tolist() == [[1.0, 2.0]]
    assert read('m,a,b\nx,1,2.25\ny,1,"2.5"').features[-1].tolist() == [1.0, 2.5]


def test_rows_without_any_value_are_left_out() -> None:
    found = read("m,a,b\nx,1,2\n,,\ny,3,4\n,,\n,,\n")
    np.testing.assert_array_equal(found.features, [[1, 2], [3, 4]])
    assert [left.row for left in found.left_out] == [3, 5, 6]


def test_a_table_of_one_column_and_one_row() -> None:
    one = EngineConfig(end_meta="", start_dim="a", end_dim="a")
    assert read("a\n1\n2\n", one).features.tolist() == [[1.0], [2.0]]
    assert read("a\n1,5\n2,25\n", one).features.tolist() == [[1.5], [2.25]]
    assert read("m,a,b\nx,1,2\n").features.tolist() == [[1.0, 2.0]]


def test_gzip_within_and_without_a_suffix() -> None:
    packed = gzip.compress(lines(";", "\r\n", True).encode("utf-16"), mtime=0)
    found = read(packed)
    np.testing.assert_array_equal(found.features, EXPECTED)
    assert found.understood.archive == ("gzip",)
    assert found.understood.form == "csv"


def test_what_is_understood_is_said() -> None:
    found = read("# c\nm;a;b\n;mm/s;°C\nx;1,5;2\n".encode("cp1252"))
    assert found.understood.delimiter == ";"
    assert found.understood.encoding == "cp1252"
    assert found.understood.comment == "#"
    assert found.understood.header_line == 2
    assert found.understood.preamble == ("# c",)
    assert found.understood.units == ("", "mm/s", "°C")
    assert CONFIG.end_meta == "m"


def test_a_row_of_ones_below_the_units_is_a_sample() -> None:
    for rows in ("Run 7,1,1\n", "Run 7,1,1\nRun 7,2,1\n"):
        found = read("m,a,b\n,1/min,°C\n" + rows)
        assert found.understood.units == ("", "1/min", "°C")
        assert found.features[0].tolist() == [1, 1]
        assert len(found.features) == rows.count("\n")


def test_a_first_row_with_thousands_of_digits_is_no_header_that_counts() -> None:
    assert refusal("0,1," + "1" * 5000 + "\n1,1,2\n3,2,3\n").code == "no_header"


def test_a_first_row_of_missing_values_is_no_row_of_units() -> None:
    found = read("m,a,b\nx,-,-\ny,1,2\nz,3,4\n")
    np.testing.assert_array_equal(found.features, [[np.nan, np.nan], [1, 2], [3, 4]])
    assert found.understood.units == ()
    assert read("m,a,b\n-,-,°C\ny,1,2\nz,3,4\n").understood.units == ("-", "-", "°C")
