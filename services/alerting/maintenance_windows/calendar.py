"""Maintenance windows as iCalendar (RFC 5545), in and out.

Time zones are those of the IANA database, under its names or those of Windows. What a calendar itself says
of a zone (VTIMEZONE) is not read: its rules may recur every second for centuries, and icalendar would keep
it, under its name, for the calendars of others.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event
from icalendar.parser import Contentline, Contentlines
from icalendar.prop import vRecur
from icalendar.timezone import tzp

from services.alerting.maintenance_windows.domain import (
    MAX_DURATION,
    MAX_EXCLUDED,
    Schedule,
)
from services.alerting.maintenance_windows.recurrence import checked_rule
from services.alerting.resources.domain import Resource
from shared.http.fields import within_reach

PRODUCT = "-//DInsight//Maintenance windows//EN"
MAX_EVENTS = 200
MAX_NAME, MAX_REASON = 255, 500


class InvalidCalendar(ValueError):
    """The text is no calendar. The message says what is wrong."""


@dataclass(frozen=True, slots=True)
class ReadEvent:
    """An event of a calendar: a schedule, or the reason why it is skipped."""

    uid: str
    name: str
    reason: str
    schedule: Schedule | None
    skipped: str | None = None


def read_calendar(text: str, time_zone: str) -> list[ReadEvent]:
    """The events, in their order. Raises InvalidCalendar."""
    # It remembers every name that it was asked for.
    tzp.use_default()
    try:
        calendar = Calendar.from_ical(_without_zones(text))
        events = [component for component in calendar.walk("VEVENT") if isinstance(component, Event)]
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise InvalidCalendar(f"is not an iCalendar file: {error}"[:300]) from None
    if not events:
        raise InvalidCalendar("has no events (VEVENT)")
    if len(events) > MAX_EVENTS:
        raise InvalidCalendar(f"has more than {MAX_EVENTS} events")
    return [_read(event, time_zone) for event in events]


def _without_zones(text: str) -> str:
    """The lines of a calendar but for definitions of time zones, whose ends would make icalendar use them."""
    kept: list[str] = []
    inside = 0
    lines: list[Contentline] = Contentlines.from_ical(text)  # type: ignore[no-untyped-call]  # of the library
    for line in filter(None, lines):
        try:
            name, _, value = line.parts()
        except ValueError:
            name = value = ""
        place = name.upper(), value.upper()
        inside += place == ("BEGIN", "VTIMEZONE")
        if not inside and place != ("END", "VTIMEZONE"):
            kept.append(line)
        inside -= place == ("END", "VTIMEZONE") and inside > 0
    return "\r\n".join(kept)


def write_calendar(windows: Sequence[Resource]) -> bytes:
    calendar = Calendar()
    calendar.add("prodid", PRODUCT)
    calendar.add("version", "2.0")
    for window in windows:
        schedule = Schedule.load(window.document["schedule"])
        zone = ZoneInfo(schedule.time_zone)
        event = Event()
        event.add("uid", window.document.get("uid") or f"{window.id}@dinsight")
        event.add("dtstamp", window.updated_at.astimezone(UTC))
        event.add("summary", window.name)
        event.add("description", window.document["reason"])
        event.add("dtstart", schedule.starts.replace(tzinfo=zone))
        event.add("duration", schedule.duration)
        if schedule.rule is not None:
            event.add("rrule", vRecur.from_ical(_rule_out(schedule)))
        for excluded in schedule.excluded:
            event.add("exdate", excluded.replace(tzinfo=zone))
        calendar.add_component(event)
    calendar.add_missing_timezones()
    return bytes(calendar.to_ical())


def _rule_out(schedule: Schedule) -> str:
    """The rule with UNTIL in UTC, as RFC 5545 requires when the start has a time zone."""
    parts = (schedule.rule or "").split(";")
    for index, part in enumerate(parts):
        if part.startswith("UNTIL=") and "T" in part:
            local = datetime.strptime(part[6:].rstrip("Z"), "%Y%m%dT%H%M%S")
            until = local.replace(tzinfo=ZoneInfo(schedule.time_zone)).astimezone(UTC)
            parts[index] = f"UNTIL={until:%Y%m%dT%H%M%SZ}"
    return ";".join(parts)


def _read(event: Event, time_zone: str) -> ReadEvent:
    uid, name = _text(event, "UID", MAX_NAME), _text(event, "SUMMARY", MAX_NAME) or "Maintenance"
    reason = _text(event, "DESCRIPTION", MAX_REASON) or name
    try:
        return ReadEvent(uid, name, reason, _schedule(event, time_zone))
    except (ValueError, KeyError, TypeError, OverflowError) as error:
        return ReadEvent(uid, name, reason, None, skipped=str(error)[:300])


def _text(event: Event, name: str, length: int) -> str:
    """A text that the database can store."""
    return str(event.get(name, "")).replace("\x00", "").strip()[:length]


def _schedule(event: Event, time_zone: str) -> Schedule:
    if event.get("RECURRENCE-ID") is not None:
        raise ValueError("it changes one occurrence of another event, which windows do not do")
    if str(event.get("STATUS", "")).upper() == "CANCELLED":
        raise ValueError("it was cancelled")
    if event.get("DTSTART") is None:
        raise ValueError("it has no start (DTSTART)")
    start, end, length = (_value(event, name) for name in ("DTSTART", "DTEND", "DURATION"))
    starts, zone = _local(start, time_zone)
    if length is not None:
        duration = length
    elif end is not None:
        duration = _wall_clock(end, zone) - starts
    else:
        duration = timedelta() if isinstance(start, datetime) else timedelta(days=1)
    if not isinstance(duration, timedelta) or not timedelta() < duration <= MAX_DURATION:
        raise ValueError("it must be longer than zero and at most 31 days")
    rules: Any = event.get("RRULE")
    if isinstance(rules, list):
        raise ValueError("it has more than one RRULE")
    rule = checked_rule(rules.to_ical().decode(), starts, zone) if rules is not None else None
    within_reach(starts)
    if event.get("RDATE") is not None:
        raise ValueError("it has single further dates (RDATE), which windows do not have")
    return Schedule(starts, duration, zone, rule, tuple(_excluded(event, zone)))


def _excluded(event: Event, zone: str) -> list[datetime]:
    found: Any = event.get("EXDATE", [])
    lists = found if isinstance(found, list) else [found]
    if not all(hasattr(one, "dts") for one in lists):
        raise ValueError("its EXDATE cannot be read")
    dates = [_wall_clock(each.dt, zone) for one in lists for each in one.dts]
    if len(dates) > MAX_EXCLUDED:
        raise ValueError(f"it leaves out more than {MAX_EXCLUDED} dates")
    return dates


def _value(event: Event, name: str) -> Any:
    """The time, date or duration of a property, if there is one."""
    found: Any = event.get(name)
    if found is None:
        return None
    if not hasattr(found, "dt"):
        raise ValueError(f"its {name} cannot be read, or is there twice")
    zone = found.params.get("TZID")
    if zone is not None and isinstance(found.dt, datetime) and found.dt.tzinfo is None:
        raise ValueError(f"its time zone {str(zone)[:MAX_NAME]!r} is none of the IANA database")
    return found.dt


def _wall_clock(value: date | datetime, zone: str) -> datetime:
    """The wall-clock time in the event's time zone, whichever zone the value itself is given in."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return within_reach(value).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    return _local(value, zone)[0]


def _local(value: date | datetime, time_zone: str) -> tuple[datetime, str]:
    """The wall-clock time, and its time zone: that of the value, if it is one of the IANA database."""
    if not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day), time_zone
    if value.tzinfo is None:
        return value, time_zone
    own = getattr(value.tzinfo, "key", None) or getattr(value.tzinfo, "zone", None)
    zone = str(own) if own else ("UTC" if value.tzinfo is UTC else time_zone)
    try:
        ZoneInfo(zone)
    except (KeyError, ValueError, OSError):
        zone = time_zone
    return within_reach(value).astimezone(ZoneInfo(zone)).replace(tzinfo=None), zone
