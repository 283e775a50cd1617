"""Muted times on the clock of the plant."""

from datetime import UTC, datetime, time
from zoneinfo import ZoneInfo

import pytest

from services.alerting.rules.schedule import Mute, Schedule

BERLIN = ZoneInfo("Europe/Berlin")
NIGHTS = Schedule(BERLIN, (Mute(frozenset(range(7)), time(22), time(6)),))
WEEKENDS = Schedule(BERLIN, (Mute(frozenset({5, 6})),))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "at", "muted"),
    [
        # In winter, Berlin is an hour ahead of UTC, and in summer two.
        (NIGHTS, "2026-01-15 20:59", False), (NIGHTS, "2026-01-15 21:00", True),
        (NIGHTS, "2026-01-16 04:59", True), (NIGHTS, "2026-01-16 05:00", False),
        (NIGHTS, "2026-07-15 19:59", False), (NIGHTS, "2026-07-15 20:00", True),
        (NIGHTS, "2026-07-16 03:59", True), (NIGHTS, "2026-07-16 04:00", False),
        (WEEKENDS, "2026-01-16 22:59", False), (WEEKENDS, "2026-01-16 23:00", True),
        (WEEKENDS, "2026-01-18 22:59", True), (WEEKENDS, "2026-01-18 23:00", False),
    ],
)  # fmt: skip
def test_muted_times_are_local(schedule: Schedule, at: str, muted: bool) -> None:
    assert schedule.muted(utc(at)) is muted


@pytest.mark.parametrize(
    ("schedule", "at", "ends"),
    [
        (NIGHTS, "2026-01-15 21:30", "2026-01-16 05:00"),
        # The night of 29 March has an hour less, that of 25 October an hour more.
        (NIGHTS, "2026-03-28 21:30", "2026-03-29 04:00"),
        (NIGHTS, "2026-10-24 20:30", "2026-10-25 05:00"),
        (WEEKENDS, "2026-03-27 23:00", "2026-03-29 22:00"),
        (NIGHTS, "2026-01-15 12:00", None),
        (Schedule(BERLIN, (Mute(frozenset(range(7))),)), "2026-01-15 12:00", None),
    ],
)
def test_the_end_of_a_muted_time_follows_the_clock(schedule: Schedule, at: str, ends: str | None) -> None:
    assert schedule.ends(utc(at)) == (utc(ends) if ends else None)


def test_a_time_that_the_clock_skips_or_repeats_is_judged_by_what_the_clock_shows() -> None:
    small_hours = Schedule(BERLIN, (Mute(frozenset(range(7)), time(2, 15), time(2, 45)),))
    assert not any(small_hours.muted(utc(f"2026-03-29 {hour:02}:30")) for hour in range(24)), "no 02:30"
    assert [hour for hour in range(24) if small_hours.muted(utc(f"2026-10-25 {hour:02}:30"))] == [0, 1]
    assert small_hours.ends(utc("2026-10-25 00:30")) == utc("2026-10-25 00:45")
