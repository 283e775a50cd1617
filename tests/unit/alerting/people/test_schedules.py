"""Rotations and maintenance windows on the wall clock, through the changes of the clocks, and calendars."""

import itertools
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from dateutil.rrule import rrulestr

from services.alerting.maintenance_windows.calendar import InvalidCalendar, read_calendar, write_calendar
from services.alerting.maintenance_windows.domain import Schedule
from services.alerting.maintenance_windows.recurrence import checked_rule, last_start, starts_between
from services.alerting.resources.domain import Kind, Resource
from services.alerting.rotations.domain import Override, Rotation

BERLIN = "Europe/Berlin"
ADA, BOB, CLEO = uuid4(), uuid4(), uuid4()


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def weekly(*overrides: Override) -> Rotation:
    starts = datetime(2026, 3, 23, 6)
    return Rotation((ADA, BOB, CLEO), starts, timedelta(days=7), BERLIN, overrides)


def test_a_handover_stays_at_its_hour_when_the_clocks_change() -> None:
    """On 2026-03-29, Berlin goes from UTC+1 to UTC+2."""
    rotation = weekly()
    assert rotation.on_call(utc("2026-03-23T04:59")) is None, "it has not started"
    assert rotation.on_call(utc("2026-03-23T05:00")) == ADA
    assert rotation.on_call(utc("2026-03-30T03:59")) == ADA
    assert rotation.on_call(utc("2026-03-30T04:00")) == BOB
    assert rotation.on_call(utc("2026-04-13T04:00")) == ADA, "the fourth week is the first one's again"


def test_an_override_counts_for_its_time_and_the_last_one_first() -> None:
    long = Override(uuid4(), BOB, utc("2026-03-24T00:00"), utc("2026-03-26T00:00"), BOB)
    short = Override(uuid4(), CLEO, utc("2026-03-25T00:00"), utc("2026-03-25T12:00"), CLEO)
    rotation = weekly(long, short)
    assert rotation.on_call(utc("2026-03-24T12:00")) == BOB
    assert rotation.on_call(utc("2026-03-25T06:00")) == CLEO
    assert rotation.on_call(utc("2026-03-26T00:00")) == ADA
    shifts = rotation.shifts(utc("2026-03-23T05:00"), utc("2026-04-06T04:00"))
    assert [(shift.user_id, shift.override_id) for shift in shifts] == [
        (ADA, None),
        (BOB, long.id),
        (CLEO, short.id),
        (BOB, long.id),
        (ADA, None),
        (BOB, None),
    ]
    assert all(a.ends_at == b.starts_at for a, b in itertools.pairwise(shifts)), "no gap"
    assert Rotation.load(rotation.stored()) == rotation


def test_a_nightly_window_stays_at_its_hour_when_the_clocks_change() -> None:
    """On 2026-10-25, Berlin goes back from UTC+2 to UTC+1."""
    window = Schedule(datetime(2026, 10, 20, 22), timedelta(hours=2), BERLIN, "FREQ=DAILY")
    assert window.at(utc("2026-10-24T20:00")) is not None
    assert window.at(utc("2026-10-24T22:00")) is None, "its end does not belong to it"
    assert window.at(utc("2026-10-25T20:30")) is None
    assert window.at(utc("2026-10-25T21:00")) is not None
    assert window.ends_at() is None
    assert len(window.between(utc("2026-10-24T00:00"), utc("2026-10-27T00:00"), 10)) == 3


def test_a_window_ends_with_its_last_occurrence_and_leaves_dates_out() -> None:
    rule = checked_rule("FREQ=WEEKLY;BYDAY=SA;COUNT=3", datetime(2026, 1, 3, 8), BERLIN)
    skipped = datetime(2026, 1, 10, 8)
    window = Schedule(datetime(2026, 1, 3, 8), timedelta(hours=4), BERLIN, rule, (skipped,))
    assert window.ends_at() == utc("2026-01-17T11:00")
    assert window.at(utc("2026-01-10T08:00")) is None
    assert window.at(utc("2026-01-17T08:00")) is not None
    assert Schedule.load(window.stored()) == window


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=HOURLY",
        "FREQ=DAILY;BYHOUR=3",
        "every day",
        "FREQ=DAILY;UNTIL=tomorrowZ",
        "FREQ=DAILY;FREQ=WEEKLY",
        "FREQ=DAILY;UNTIL=20200101T000000Z",
        "FREQ=DAILY;INTERVAL=x",
        # dateutil would never return, or try every day up to the year 9999.
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=DAILY;INTERVAL=7;BYDAY=SA",
        "FREQ=DAILY;COUNT=99999999",
        "FREQ=DAILY;UNTIL=99991231T235959Z",
        "FREQ=DAILY;UNTIL=00010101T000000Z",
        "FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=1000",
        "FREQ=MONTHLY;BYDAY=99MO",
        "FREQ=WEEKLY;BYDAY=" + ",".join(["SA"] * 1000),
    ],
)
def test_rules_that_are_none_or_too_fine_are_refused(rule: str) -> None:
    with pytest.raises(ValueError, match="must"):
        checked_rule(rule, datetime(2026, 1, 1), "UTC")


@pytest.mark.parametrize(
    ("rule", "last"),
    [
        ("FREQ=DAILY;COUNT=3", datetime(2026, 1, 3, 8)),
        ("FREQ=DAILY;UNTIL=20260105", datetime(2026, 1, 4, 8)),
        ("FREQ=MONTHLY;BYMONTHDAY=31;COUNT=2", datetime(2026, 3, 31, 8)),
        ("FREQ=YEARLY;BYMONTH=2;BYMONTHDAY=29;COUNT=1", datetime(2028, 2, 29, 8)),
        ("FREQ=WEEKLY", None),
    ],
)
def test_a_rule_ends_with_its_last_occurrence(rule: str, last: datetime | None) -> None:
    starts = datetime(2026, 1, 1, 8)
    assert last_start(checked_rule(rule, starts, "UTC"), starts) == last


@pytest.mark.parametrize(
    "rule", ["FREQ=DAILY;INTERVAL=3", "FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,SA;WKST=SU", "FREQ=DAILY;BYMONTH=7"]
)
def test_occurrences_of_an_old_rule_are_those_counted_from_its_start(rule: str) -> None:
    starts, since = datetime(1990, 5, 17, 22), datetime(2026, 6, 25)
    until = since + timedelta(days=30)
    everything = rrulestr(f"RRULE:{rule}", dtstart=starts)
    assert starts_between(rule, starts, (), since, until) == everything.between(since, until, inc=True)


def resource(schedule: Schedule) -> Resource:
    now = utc("2026-01-01T00:00")
    document = {"reason": "Oil", "matcher": {}, "schedule": schedule.stored()}
    return Resource(
        uuid4(), uuid4(), Kind.MAINTENANCE_WINDOW, "Oil; change, again", document, None, ADA, now, now, 1
    )


def test_what_a_calendar_says_comes_back_from_it() -> None:
    rule = checked_rule("FREQ=WEEKLY;UNTIL=20261231T220000Z;BYDAY=SA", datetime(2026, 1, 3, 22), BERLIN)
    recurring = Schedule(
        datetime(2026, 1, 3, 22), timedelta(hours=4), BERLIN, rule, (datetime(2026, 1, 10, 22),)
    )
    single = Schedule(datetime(2026, 2, 1, 8), timedelta(minutes=90), "UTC")
    text = write_calendar([resource(recurring), resource(single)]).decode()
    assert "UNTIL=20261231T220000Z" in text.replace("\r\n ", "")
    events = read_calendar(text, "UTC")
    assert [event.schedule for event in events] == [recurring, single]
    assert {(event.name, event.reason, event.skipped) for event in events} == {
        ("Oil; change, again", "Oil", None)
    }


@pytest.mark.parametrize("day", [datetime(2026, 3, 29, tzinfo=UTC), datetime(2026, 10, 25, tzinfo=UTC)])
def test_who_is_on_call_is_whose_shift_it_is_also_while_clocks_change(day: datetime) -> None:
    """Hand-overs are at 02:30, which one of these nights skips, and the other repeats."""
    rotation = Rotation((ADA, BOB), datetime(2026, 1, 1, 2, 30), timedelta(days=1), BERLIN, ())
    for minute in range(0, 6 * 60, 5):
        moment = day - timedelta(hours=1) + timedelta(minutes=minute)
        [shift] = rotation.shifts(moment, moment + timedelta(minutes=1))
        [*_, last] = rotation.shifts(day - timedelta(hours=1), moment + timedelta(minutes=1))
        assert rotation.on_call(moment) == shift.user_id == last.user_id, moment


def calendar(*lines: str) -> str:
    return "\r\n".join(["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:x", *lines, "END:VCALENDAR", ""])


def event(*lines: str) -> str:
    return calendar("BEGIN:VEVENT", "UID:1", "SUMMARY:Cleaning", *lines, "END:VEVENT")


def test_whole_days_and_times_without_a_zone_follow_the_given_zone() -> None:
    [day] = read_calendar(event("DTSTART;VALUE=DATE:20260501", "DTEND;VALUE=DATE:20260503"), BERLIN)
    assert day.schedule == Schedule(datetime(2026, 5, 1), timedelta(days=2), BERLIN)
    [floating] = read_calendar(event("DTSTART:20260501T080000", "DURATION:PT1H"), BERLIN)
    assert floating.schedule == Schedule(datetime(2026, 5, 1, 8), timedelta(hours=1), BERLIN)
    [in_utc] = read_calendar(event("DTSTART:20260501T080000Z", "DTEND:20260501T090000Z"), BERLIN)
    assert in_utc.schedule == Schedule(datetime(2026, 5, 1, 8), timedelta(hours=1), "UTC")


def test_ends_and_exceptions_in_another_zone_are_those_moments_in_the_zone_of_the_start() -> None:
    """Exporters write exceptions in UTC."""
    text = event(
        f"DTSTART;TZID={BERLIN}:20260103T220000",
        "DTEND:20260104T050000Z",
        "RRULE:FREQ=WEEKLY",
        "EXDATE:20260110T210000Z",
    )
    [found] = read_calendar(text, "UTC")
    assert found.schedule is not None
    assert found.schedule.duration == timedelta(hours=8)
    assert found.schedule.excluded == (datetime(2026, 1, 10, 22),)


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (["DTSTART:20260501T080000Z", "DTEND:20260501T080000Z"], "longer than zero"),
        (["DTSTART:20260501T080000Z", "DTEND:20270501T080000Z"], "at most 31 days"),
        (["DTSTART:20260501T080000Z", "DURATION:PT1H", "RRULE:FREQ=HOURLY"], "FREQ"),
        (["DTSTART:20260501T080000Z", "DURATION:PT1H", "RECURRENCE-ID:20260501T080000Z"], "one occurrence"),
        (["DTSTART:20260501T080000Z", "DURATION:PT1H", "STATUS:CANCELLED"], "cancelled"),
        (["DURATION:PT1H"], "no start"),
    ],
)
def test_events_that_are_no_windows_are_skipped_with_a_reason(lines: list[str], reason: str) -> None:
    [found] = read_calendar(event(*lines), "UTC")
    assert found.schedule is None
    assert reason in (found.skipped or "")


@pytest.mark.parametrize("text", ["hello", "BEGIN:VCALENDAR", calendar(), "\x00"])
def test_what_is_no_calendar_is_refused(text: str) -> None:
    with pytest.raises(InvalidCalendar):
        read_calendar(text, "UTC")


@pytest.mark.parametrize("start", ["00010101", "99991231", "00010101T000000Z", "99991231T235959Z"])
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/New_York"])
def test_an_event_at_the_limits_of_the_calendar_is_skipped(start: str, zone: str) -> None:
    [found] = read_calendar(event(f"DTSTART:{start}", "DURATION:P5D"), zone)
    assert found.schedule is None
    assert "between the years" in (found.skipped or "")
