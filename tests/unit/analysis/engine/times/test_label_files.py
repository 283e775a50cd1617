"""Labels as a file of their own."""

import pytest

from services.analysis.engine.errors import TableError
from services.analysis.engine.times.label_files import LabelFile, read_labels
from services.analysis.engine.times.labels import Label


def read(text: str | bytes, **settings: str) -> tuple[Label, ...]:
    content = text if isinstance(text, bytes) else text.encode()
    return read_labels(LabelFile("labels.csv", content), **settings)


def refused(text: str | bytes, **settings: str) -> TableError:
    with pytest.raises(TableError) as caught:
        read(text, **settings)
    return caught.value


MARCH = Label("2024-03-01T00:00:00Z", "2024-03-02T06:00:00Z", "fault")


@pytest.mark.parametrize(
    "text",
    [
        "2024-03-01T00:00:00Z,2024-03-02T06:00:00Z\n",
        "2024-03-01 00:00,2024-03-02 06:00",
        "start,end\n2024-03-01T00:00:00.000000,2024-03-02T06:00:00.000000\r\n",
        "\ufeffVon;Bis\n01.03.2024 00:00;02.03.2024 06:00\n",
        "end\tbegin\n2024-03-02T07:00:00+01:00\t2024-03-01T01:00:00+01:00\n",
        "# kept by the maintenance\n2024/03/01 00:00:00|2024/03/02 06:00:00\n",
        "start,end\n3/1/2024 0:00,3/2/2024 6:00\n3/13/2024 0:00,3/14/2024 0:00\n",
    ],
)
def test_start_and_end_are_read_in_the_dialects_of_plants(text: str) -> None:
    assert read(text)[0] == MARCH


def test_a_third_column_is_the_code_wherever_the_header_puts_it() -> None:
    named = read("fault;start;end\nbearing;2024-03-01 00:00;2024-03-02 00:00\n")
    assert [each.code for each in named] == ["bearing"]
    unnamed = read("2024-03-01 00:00,2024-03-02 00:00,seal\n2024-03-03 00:00,2024-03-04 00:00,\n")
    assert [each.code for each in unnamed] == ["seal", "fault"]


def test_an_order_of_day_and_month_that_would_end_an_event_before_it_starts_is_not_the_order() -> None:
    # Month first, the first event would last from February to January.
    assert read("02/01/2024 00:00,01/03/2024 00:00\n") == (
        Label("2024-01-02T00:00:00Z", "2024-03-01T00:00:00Z", "fault"),
    )


def test_an_order_of_day_and_month_that_stays_open_is_asked_about() -> None:
    error = refused("1/1/2020 0:00,1/3/2020 0:00\n2/2/2020 0:05,2/7/2020 0:05\n")
    assert error.code == "label_time_ambiguous"
    assert (
        read("1/1/2020 0:00,1/3/2020 0:00\n", time_format="%m/%d/%Y %H:%M")[0].end == "2020-01-03T00:00:00Z"
    )


def test_times_without_a_zone_are_read_in_the_given_one() -> None:
    assert read("2024-07-01 12:00,2024-07-01 13:00\n", time_zone="Europe/Berlin")[0].start == (
        "2024-07-01T10:00:00Z"
    )


@pytest.mark.parametrize(
    ("text", "code", "row"),
    [
        ("", "empty", None),
        ("start,end\n", "empty", None),
        ("2024-03-02 00:00,2024-03-01 00:00\n", "label_order", 1),
        ("2024-03-01 00:00,2024-03-01 00:00\n", "label_order", 1),
        ("start,end\n2024-03-01 00:00,2024-03-02 00:00\n2024-03-03 00:00,soon 7\n", "label_time", 3),
        ("2024-03-01 00:00\n2024-03-02 00:00\n", "label_columns", 1),
        ("press 1,press 2\n", "label_time", 1),
        ("2024-03-01 00:00,2024-03-02 00:00," + "x" * 101 + "\n", "label_code_too_long", 1),
        (b"\xd0\xcf\x11\xe0" + b"\0" * 100, "foreign_form", None),
    ],
)
def test_what_is_wrong_is_named_with_its_row(text: str | bytes, code: str, row: int | None) -> None:
    error = refused(text)
    assert (error.code, error.row) == (code, row)
