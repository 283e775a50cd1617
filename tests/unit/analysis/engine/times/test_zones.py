"""Local times cross changes of daylight-saving time, and the facts of a file's times are right."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.analysis.engine.errors import ConfigError
from services.analysis.engine.times.finding import TimeColumn
from services.analysis.engine.times.formats import TimeFormat
from services.analysis.engine.times.names import zone_named
from services.analysis.engine.times.samples import SampleTimes

BERLIN = ZoneInfo("Europe/Berlin")
LOCAL = "%Y-%m-%d %H:%M:%S"


def sample_times(zone: str = "Europe/Berlin") -> SampleTimes:
    return SampleTimes(TimeColumn(("t",), (TimeFormat(LOCAL),)), zone_named(zone), zone_from="setting")


def dated(times: SampleTimes, cells: list[str], chunk: int = 100) -> list[str]:
    entries: list[dict[str, Any]] = [{"t": cell} for cell in cells]
    for first in range(0, len(entries), chunk):
        times.date(entries[first : first + chunk], first + 2)
    return [entry["t"] for entry in entries]


@given(
    st.sampled_from(["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata", "UTC"]),
    st.datetimes(datetime(2020, 1, 1), datetime(2026, 1, 1), timezones=st.just(UTC)),
    st.sampled_from([300, 900, 1800, 3600]),
    st.sampled_from([1, 7, 10_000]),
)
@settings(max_examples=60, deadline=None)
def test_every_local_time_comes_back_to_its_moment(
    zone: str, start: datetime, seconds: int, chunk: int
) -> None:
    """Also in the hour that occurs twice, because the rows are in order; chunks may be of any size."""
    start = start.replace(microsecond=0)
    moments = [start + timedelta(seconds=seconds * each) for each in range(300)]
    local = [each.astimezone(ZoneInfo(zone)) for each in moments]
    # A file that begins or ends within the hour shows one pass, and cannot say which.
    folds = {
        each.fold for each in local if each.replace(fold=0).utcoffset() != each.replace(fold=1).utcoffset()
    }
    if len(folds) == 1:
        return
    # Nor can one whose first two samples have the same reading: that may be one sample twice.
    if local[0].replace(tzinfo=None) == local[1].replace(tzinfo=None):
        return
    assert dated(sample_times(zone), [each.strftime(LOCAL) for each in local], chunk) == [
        each.isoformat().replace("+00:00", "Z") for each in moments
    ] or (zone == "UTC")


def test_hourly_samples_of_the_repeated_hour_have_the_same_reading() -> None:
    for chunk in (1, 2, 100):
        times = sample_times()
        cells = [f"2024-10-27 {each:02}:00:00" for each in (0, 1, 2, 2, 3)]
        assert [each[11:13] for each in dated(times, cells, chunk)] == ["22", "23", "00", "01", "02"]


@pytest.mark.parametrize("hours", [(0, 0, 1, 1, 2, 2, 3, 3), (2, 2, 3), (0, 2, 2, 3), (1, 2, 2, 2, 3)])
def test_samples_that_come_twice_are_not_taken_for_the_second_pass(hours: tuple[int, ...]) -> None:
    """A third reading cannot be either."""
    found = dated(sample_times(), [f"2024-10-27 {each:02}:00:00" for each in hours])
    twice = [each[11:13] for each, hour in zip(found, hours, strict=True) if hour == 2]
    assert twice == ["00"] * hours.count(2) if hours.count(2) == 2 else ["00", "01", "01"]


def test_the_repeated_hour_is_told_apart_by_the_step_back_and_counted() -> None:
    times = sample_times()
    cells = [
        f"2024-10-27 {each}"
        for each in ("01:30:00", "02:00:00", "02:30:00", "02:00:00", "02:30:00", "03:00:00")
    ]
    assert [each[11:16] for each in dated(times, cells)] == [
        "23:30",
        "00:00",
        "00:30",
        "01:00",
        "01:30",
        "02:00",
    ]
    facts = times.facts()
    assert (facts["repeated_hour"], facts["repeated_hour_by_order"], facts["backwards"]) == (4, 2, 0)
    assert facts["problems"] == []


def test_a_single_pass_through_the_repeated_hour_is_said() -> None:
    times = sample_times()
    dated(times, ["2024-10-27 01:00:00", "2024-10-27 02:30:00", "2024-10-27 04:00:00"])
    [problem] = times.facts()["problems"]
    assert problem["code"] == "times_repeated_hour"


def test_a_time_in_the_skipped_hour_is_read_without_the_change_and_said() -> None:
    times = sample_times()
    cells = [f"2024-03-31 {each}" for each in ("01:30:00", "02:00:00", "02:30:00", "03:30:00")]
    assert [each[11:16] for each in dated(times, cells)] == ["00:30", "01:00", "01:30", "01:30"]
    facts = times.facts()
    assert facts["skipped_hour"] == 2
    [problem] = [each for each in facts["problems"] if each["code"] == "times_skipped_hour"]
    # The advice works: with the offset, the times are even again.
    fixed = sample_times("+01:00")
    assert [each[11:16] for each in dated(fixed, cells)] == ["00:30", "01:00", "01:30", "02:30"]
    assert "+01:00" in problem["text"]


def test_gaps_duplicates_and_disorder_are_counted_whatever_the_chunks() -> None:
    start = datetime(2024, 5, 1)
    moments = [start + timedelta(minutes=each) for each in range(500)]
    del moments[200:230]
    moments[100] = moments[99]
    moments[300], moments[301] = moments[301], moments[300]
    cells = [each.strftime(LOCAL) for each in moments]
    seen = []
    for chunk in (1, 13, 10_000):
        times = sample_times("UTC")
        dated(times, cells, chunk)
        seen.append(times.facts())
    assert seen[0] == seen[1] == seen[2]
    facts = seen[0]
    assert facts["interval_seconds"] == 60
    assert facts["even"]
    assert facts["duplicates"] == 1
    assert (facts["backwards"], facts["first_backwards_row"]) == (1, 303)
    # One minute is lost at the duplicate, and two around the swapped rows.
    assert facts["gaps"] == 4
    assert facts["longest_gaps"][0] == {
        "from": "2024-05-01T03:19:00Z",
        "to": "2024-05-01T03:50:00Z",
        "seconds": 1860.0,
    }


def test_memory_does_not_grow_with_different_steps() -> None:
    times = sample_times("UTC")
    steps = np.random.default_rng(0).integers(1, 10**6, 60_000)
    moments = np.datetime64("2024-01-01T00:00:00") + np.cumsum(steps).astype("timedelta64[s]")
    dated(times, [each.replace("T", " ") for each in np.datetime_as_string(moments).tolist()], 60_000)
    facts = times.facts()
    assert facts["interval_seconds"] == pytest.approx(float(np.median(steps)), rel=0.01)


@pytest.mark.parametrize("name", ["Europe/Atlantis", "", "../etc/passwd", "CST", "+25:00"])
def test_an_unknown_zone_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="time_zone"):
        zone_named(name)


@pytest.mark.parametrize("text", ["", "%Q", "%Y %Y", "words", "%H:%M:%S %"])
def test_a_format_without_sense_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="time_format"):
        TimeFormat(text)
