"""Times are found by content, read exactly, and asked about where they can mean two things."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from services.analysis.engine.times.finding import TimeColumn, cells_of, configured, find_time, recognise
from services.analysis.engine.times.formats import NOT_A_TIME, TimeFormat, texts
from services.analysis.engine.times.samples import SampleTimes
from services.analysis.engine.times.zones import iso

START = datetime(2024, 3, 21, 8)
MINUTES = [START + timedelta(minutes=each) for each in range(60)]
WRITTEN = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S.%f",
    "%Y/%m/%d %H:%M",
    "%Y%m%d %H%M%S",
    "%Y%m%d%H%M%S",
    "%Y.%m.%d.%H.%M.%S",
    "%Y-%m-%d-%H.%M.%S",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%y %H:%M",
    "%d.%m.%Y, %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%y %I:%M%p",
    "%d %m %Y %H:%M",
    "%d-%b-%y %H:%M:%S",
    "%d %B %Y %H:%M",
    "%b %d, %Y %I:%M:%S %p",
    "%a %b %d %H:%M:%S %Y",
    "%d/%b/%Y:%H:%M:%S",
    "%H:%M:%S %d.%m.%Y",
    "%Y-%m-%d %Hh%M",
)


def cells(format_text: str, moments: list[datetime]) -> list[str]:
    return [each.strftime(format_text) for each in moments]


def offers(column: TimeColumn) -> list[str]:
    """The formats that the question about a column offers."""
    assert column.doubt is not None
    formats = column.doubt.params["formats"]
    assert isinstance(formats, list)
    return formats


def read(column: TimeColumn, values: list[Any]) -> list[str | None]:
    parsed = column.formats[0].parse(texts(values)).local
    return [None if each == NOT_A_TIME else iso(each).rstrip("Z") for each in parsed]


@pytest.mark.parametrize("format_text", WRITTEN)
def test_a_column_is_found_and_read_whatever_its_name(format_text: str) -> None:
    column = recognise("x7", cells(format_text, MINUTES))
    assert column is not None
    assert column.doubt is None
    assert read(column, cells(format_text, MINUTES)) == [each.isoformat() for each in MINUTES]


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2059, 1, 1)),
    st.sampled_from([1, 20, 60, 600, 3600, 86_400, 30 * 86_400]),
    st.integers(1, 300),
    st.sampled_from([text for text in WRITTEN if "%y" not in text]),
)
@settings(max_examples=300, deadline=None)
def test_a_time_is_never_read_as_another_one(
    start: datetime, seconds: int, count: int, format_text: str
) -> None:
    """It is read as it was written, or it is not read, and then the question is asked."""
    moments = [start.replace(microsecond=0) + timedelta(seconds=seconds * each) for each in range(count)]
    assume(moments[-1].year < 2200)
    written = cells(format_text, moments)
    column = recognise("logged", written)
    assert column is not None
    if column.doubt is not None:
        assert column.doubt.code == "time_order_ambiguous"
        offered = [TimeFormat(each) for each in offers(column)]
        meanings = [read(TimeColumn(("logged",), (each,)), written) for each in offered]
        assert [datetime.strptime(each, format_text).isoformat() for each in written] in meanings
    else:
        assert read(column, written) == [datetime.strptime(each, format_text).isoformat() for each in written]


@pytest.mark.parametrize("unit", [1, 1000, 10**6, 10**9])
def test_epochs_of_every_unit_are_read(unit: int) -> None:
    values = [int(each.replace(tzinfo=UTC).timestamp()) * unit for each in MINUTES]
    column = recognise("t_stamp", values)
    assert column is not None
    assert read(column, values) == [each.isoformat() for each in MINUTES]


def test_excels_serials_are_read_where_the_name_says_that_they_are_times() -> None:
    serials = [45_372 + (8 * 60 + each) / 1440 for each in range(60)]
    column = recognise("Date/Time", serials)
    assert column is not None
    assert read(column, serials) == [each.isoformat() for each in MINUTES]
    assert recognise("Drehzahl", serials) is None


@pytest.mark.parametrize(
    "values",
    [
        ["1.5", "2.5", "3.5"],
        ["2021", "2022", "2023"],
        ["10.1.2.3"],
        ["3-4-5"],
        ["2024-13-45"],
        ["A12:30", "B12:31"],
        ["1/2", "3/4"],
        ["ok", "bad"],
        ["12-34-5678"],
        [str(value) for value in range(1_500_000_000, 1_500_000_050)],
    ],
)
def test_measurements_and_labels_are_no_times(values: list[str]) -> None:
    assert recognise("value", values) is None


def test_the_order_of_day_and_month_is_decided_for_the_whole_column() -> None:
    early = [datetime(2024, 3, 4, 8) + timedelta(minutes=each) for each in range(60)]
    for format_text in ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M", "%d-%m-%Y %H:%M"):
        asked = recognise("t", cells(format_text, early))
        assert asked is not None
        assert asked.doubt is not None
        assert asked.doubt.code == "time_order_ambiguous"
        # One day that cannot be a month settles it for all of them.
        later = cells(format_text, [*early, datetime(2024, 3, 27)])
        settled = recognise("t", later)
        assert settled is not None
        assert settled.doubt is None
        assert settled.reason == "days_above_12"
        assert read(settled, later)[0] == "2024-03-04T08:00:00"


def test_steps_across_midnight_tell_the_order() -> None:
    moments = [datetime(2024, 3, 4, 8) + timedelta(minutes=10 * each) for each in range(300)]
    for format_text in ("%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"):
        column = recognise("t", cells(format_text, moments))
        assert column is not None
        assert column.doubt is None
        assert (column.formats[0].text, column.reason) == (format_text, "continuity")


def test_a_column_with_both_orders_is_asked_about() -> None:
    column = recognise("t", ["13/02/2024 08:00", "14/02/2024 08:00", "02/15/2024 08:00", "02/16/2024 08:00"])
    assert column is not None
    assert column.doubt is not None
    assert column.doubt.code == "time_order_mixed"


def test_dates_with_dots_have_the_day_first_and_say_so() -> None:
    column = recognise("t", ["04.03.2024 08:00", "04.03.2024 08:01"])
    assert column is not None
    assert (column.formats[0].text, column.reason) == ("%d.%m.%Y %H:%M", "dots")


def test_separate_columns_of_date_and_time_of_day_are_joined() -> None:
    table = {
        "Datum": cells("%d.%m.%Y", MINUTES),
        "speed": [str(each) for each in range(60)],
        "Uhrzeit": cells("%H:%M:%S", MINUTES),
    }
    column = find_time(table)
    assert column is not None
    assert column.columns == ("Datum", "Uhrzeit")
    assert read(column, cells_of(column, table).to_pylist())[59] == "2024-03-21T08:59:00"


def test_of_several_columns_of_times_the_named_one_is_taken() -> None:
    table = {
        "installed": cells("%Y-%m-%d %H:%M", [START] * 60),
        "Zeitstempel": cells("%d.%m.%Y %H:%M", MINUTES),
    }
    column = find_time(table)
    assert column is not None
    assert column.name == "Zeitstempel"


def test_a_zone_that_names_several_is_asked_about_and_the_advice_works() -> None:
    written = cells("%Y-%m-%d %H:%M:%S CST", MINUTES)
    column = recognise("t", written)
    assert column is not None
    assert column.doubt is not None
    [offer] = offers(column)
    followed = configured(("t",), offer, {"t": written})
    assert followed is not None
    assert read(followed, written) == [each.isoformat() for each in MINUTES]


def test_offsets_and_their_names_are_heeded() -> None:
    for zone in ("+01:00", "+0100", " CET", " UTC+1", "+01"):
        column = recognise("t", [f"2024-01-21 08:00:00{zone}", f"2024-01-21 08:01:00{zone}"])
        assert column is not None
        assert column.doubt is None
        entries: list[dict[str, Any]] = [{"t": f"2024-01-21 08:00:00{zone}"}]
        SampleTimes(column, ZoneInfo("Asia/Tokyo"), zone_from="setting").date(entries, 2)
        assert entries[0]["t"] == "2024-01-21T07:00:00Z"


def test_damaged_cells_are_counted_and_stay() -> None:
    values = cells("%d.%m.%Y %H:%M", MINUTES)
    values[7], values[9] = "31.02.2024 08:07", "n/a"
    column = recognise("t", values)
    assert column is not None
    entries: list[dict[str, Any]] = [{"t": each} for each in values]
    times = SampleTimes(column, 0, zone_from="default")
    moments = times.date(entries, 2)
    assert moments is not None
    assert np.flatnonzero(moments == NOT_A_TIME).tolist() == [7, 9]
    assert entries[7] == {"t": "31.02.2024 08:07"}
    assert entries[8] == {"t": "2024-03-21T08:08:00Z"}
    facts = times.facts()
    assert facts["unreadable"] == 1
    assert facts["examples"] == [{"row": 9, "cell": "31.02.2024 08:07"}]
    assert [each["code"] for each in facts["problems"]] == ["times_unreadable"]


def test_midnight_that_lost_its_time_of_day_is_midnight() -> None:
    column = recognise("t", ["20.03.2024 23:00:00", "21.03.2024", "21.03.2024 01:00:00"] * 5)
    assert column is not None
    assert read(column, ["21.03.2024"]) == ["2024-03-21T00:00:00"]


def test_a_fixed_zone_in_cells_beats_the_setting_only_where_it_is_stated() -> None:
    column = recognise("t", ["2024-01-21T08:00:00Z", "2024-01-21T08:01:00"] * 5)
    assert column is not None
    entries: list[dict[str, Any]] = [{"t": "2024-01-21T08:00:00Z"}, {"t": "2024-01-21T08:01:00"}]
    SampleTimes(column, ZoneInfo("Europe/Berlin"), zone_from="setting").date(entries, 2)
    assert [each["t"] for each in entries] == ["2024-01-21T08:00:00Z", "2024-01-21T07:01:00Z"]


@given(st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1)), st.integers(-14 * 60, 14 * 60))
def test_an_offset_shifts_the_clock_by_itself(moment: datetime, minutes: int) -> None:
    aware = moment.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    entries: list[dict[str, Any]] = [{"t": aware.isoformat()}]
    column = recognise("t", [entries[0]["t"]])
    assert column is not None
    SampleTimes(column, ZoneInfo("America/New_York"), zone_from="setting").date(entries, 2)
    assert datetime.fromisoformat(entries[0]["t"]) == aware
