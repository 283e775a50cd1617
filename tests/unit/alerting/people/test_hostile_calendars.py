"""Calendars of strangers: they cost little, and leave nothing behind for the calendars of others."""

from datetime import datetime, timedelta

import pytest

from services.alerting.maintenance_windows.calendar import InvalidCalendar, read_calendar
from services.alerting.maintenance_windows.domain import Schedule
from tests.unit.alerting.people.test_schedules import BERLIN, calendar, event

OFFICE = "(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna"
EIGHT = datetime(2026, 5, 1, 8)
HOUR = timedelta(hours=1)


def zone(name: str, offset: str, *rules: str, end: str = "END:VTIMEZONE") -> list[str]:
    """With one part alone, nobody would have to look at its rules."""
    parts = [
        line
        for part in ("STANDARD", "DAYLIGHT")
        for line in (
            f"BEGIN:{part}",
            "DTSTART:19700101T000000",
            f"TZOFFSETFROM:{offset}",
            f"TZOFFSETTO:{offset}",
            *rules,
            f"END:{part}",
        )
    ]
    return ["BEGIN:VTIMEZONE", f"TZID:{name}", *parts, end]


def at_eight(name: str) -> list[str]:
    when = [f'DTSTART;TZID="{name}":20260501T080000', f'DTEND;TZID="{name}":20260501T090000']
    return ["BEGIN:VEVENT", "UID:1", "SUMMARY:Cleaning", *when, "END:VEVENT"]


@pytest.mark.parametrize("name", ["W. Europe Standard Time", "Europe/Berlin"])
def test_a_calendar_does_not_say_what_the_zones_of_others_mean(name: str) -> None:
    for _ in range(2):
        [found] = read_calendar(calendar(*zone(name, "-1100"), *at_eight(name)), "UTC")
        assert found.schedule == Schedule(EIGHT, HOUR, BERLIN)
    [after] = read_calendar(calendar(*at_eight(name)), "UTC")
    assert after.schedule == Schedule(EIGHT, HOUR, BERLIN)


def test_a_zone_that_only_its_calendar_knows_is_named() -> None:
    read_calendar(calendar(*zone(OFFICE, "-1100"), *at_eight(OFFICE)), BERLIN)
    [found] = read_calendar(calendar(*at_eight(OFFICE)), BERLIN)
    assert found.schedule is None
    assert "none of the IANA database" in (found.skipped or "")


@pytest.mark.parametrize("rule", ["FREQ=SECONDLY", "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=30", "FREQ=MINUTELY"])
@pytest.mark.parametrize("end", ["END:VTIMEZONE", "end;x=1:vtimezone"])
def test_rules_of_a_zone_are_never_followed(rule: str, end: str) -> None:
    """Every second since 1970 takes minutes, and all of the memory."""
    lines = zone("Mine", "+0100", f"RRULE:{rule}", end=end)
    try:
        found = read_calendar(calendar(*lines, *at_eight("Mine")), "UTC")
    except InvalidCalendar:
        return
    assert [each.schedule for each in found] == [None]


def test_what_is_no_zone_cannot_end_as_one() -> None:
    lines = ["BEGIN:X-ZONE", "TZID:Mine", "END:VTIMEZONE", *at_eight("Europe/Berlin")]
    with pytest.raises(InvalidCalendar):
        read_calendar(calendar(*lines), "UTC")


@pytest.mark.parametrize(
    "lines",
    [
        ["DTSTART:20260501T080000", "DTSTART:20260502T080000", "DURATION:PT1H"],
        ["DTSTART:yesterday", "DURATION:PT1H"],
        ["DTSTART:20260501T080000", "DTEND:20260501T090000", "DTEND:20260501T100000"],
        ["DTSTART:20260501T080000", "DURATION:P" + "9" * 400 + "D"],
        ["DTSTART:20260501T080000", "DURATION:PT1H", "RRULE:FREQ=DAILY", "EXDATE:never"],
        ["DTSTART:20260501T080000", "DURATION:PT1H", "RRULE:" + "9" * 5000],
    ],
)
def test_an_event_that_says_nonsense_is_skipped(lines: list[str]) -> None:
    [found] = read_calendar(event(*lines), "UTC")
    assert found.schedule is None
    assert found.skipped
    assert "attribute" not in found.skipped


def test_components_may_be_as_deep_as_they_fit() -> None:
    deep = 9_000
    with pytest.raises(InvalidCalendar, match="no events"):
        read_calendar(calendar(*["BEGIN:X"] * deep, *["END:X"] * deep), "UTC")


def test_texts_can_be_stored_and_are_short() -> None:
    said = "A\x00" * 3000
    lines = ["DTSTART:20260501T080000Z", "DURATION:PT1H", f"DESCRIPTION:{said}"]
    [found] = read_calendar(calendar("BEGIN:VEVENT", f"UID:{said}", *lines, "END:VEVENT"), "UTC")
    for text in (found.uid, found.name, found.reason):
        assert "\x00" not in text
        assert 0 < len(text) <= 500
