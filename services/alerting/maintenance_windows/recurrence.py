"""Recurrence rules (RRULE of RFC 5545) that cost little to evaluate, whatever they say.

dateutil never returns for an interval of 0. For a rule that never takes place again, such as one of 30
February, it tries every day up to the year 9999, whatever its end: ends are compared with occurrences only.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rrulestr

# The parts of each frequency that calendar programs write. With them, occurrences are never far apart in
# steps of the frequency. Finer frequencies would recur within a window.
BY_PARTS = {
    "DAILY": {"BYDAY", "BYMONTH"},
    "WEEKLY": {"BYDAY", "BYMONTH"},
    "MONTHLY": {"BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS"},
    "YEARLY": {"BYDAY", "BYMONTH", "BYMONTHDAY", "BYSETPOS"},
}
COMMON_PARTS = {"FREQ", "INTERVAL", "COUNT", "UNTIL", "WKST"}
MAX_RULE_LENGTH = 500
MAX_INTERVAL, MAX_COUNT = 1000, 1000
# From the start to the first and to the last occurrence, if there is a last one, and to today.
MAX_SPAN = timedelta(days=366 * 50)
LATE_YEAR = 9922
# Rules and years; a year of a daily rule is some twenty kilobytes.
MAX_KEPT = 2000
STEPS = {"DAILY": timedelta(days=1), "WEEKLY": timedelta(weeks=1)}
UNTIL_FORMS = ("%Y%m%dT%H%M%SZ", "%Y%m%dT%H%M%S", "%Y%m%d")


def checked_rule(text: str, starts: datetime, time_zone: str) -> str:
    """The RRULE, with UNTIL on the wall clock. Raises ValueError, which says what is wrong."""
    if len(text) > MAX_RULE_LENGTH:
        raise ValueError(f"must have at most {MAX_RULE_LENGTH} characters")
    parts = _parts(text)
    frequency = parts.get("FREQ", "")
    if frequency not in BY_PARTS:
        raise ValueError(f"must have a FREQ of {', '.join(BY_PARTS)}")
    if odd := sorted(parts.keys() - COMMON_PARTS - BY_PARTS[frequency]):
        raise ValueError(
            f"must not have {odd[0]} with FREQ={frequency}, only {', '.join(sorted(BY_PARTS[frequency]))};"
            " the start gives the time of day"
        )
    for name, most in (("INTERVAL", MAX_INTERVAL), ("COUNT", MAX_COUNT)):
        value = parts.get(name, "1")
        if not (value.isascii() and value.isdigit() and len(value) <= 6 and 1 <= int(value) <= most):
            raise ValueError(f"must have {name} from 1 to {most}")
    if "UNTIL" in parts:
        until = _wall_clock(parts["UNTIL"], time_zone)
        if until > starts + MAX_SPAN:
            raise ValueError("must end within 50 years of the start; without UNTIL it recurs for ever")
        parts["UNTIL"] = until.strftime(UNTIL_FORMS[1])
    rule = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        first = next(iter(_bounded(_endless(parts), _late(starts), datetime.max)), None)
        first = first and next(iter(_bounded(rule, starts, starts + MAX_SPAN)), None)
    except (ValueError, TypeError, KeyError, IndexError, OverflowError) as error:
        raise ValueError(f"must be an RRULE of RFC 5545: {error}") from None
    if first is None:
        raise ValueError("must have at least one occurrence")
    if "COUNT" in parts and last_start(rule, starts) is None:
        raise ValueError("must reach its COUNT within 50 years")
    return rule


@lru_cache(maxsize=MAX_KEPT)
def last_start(rule: str, starts: datetime) -> datetime | None:
    """When the last occurrence starts; None if it recurs for ever, or for longer than MAX_SPAN."""
    parts = _parts(rule)
    if "UNTIL" not in parts and "COUNT" not in parts:
        return None
    last, count = starts, 0
    for count, last in enumerate(_bounded(rule, starts, starts + MAX_SPAN), 1):
        if count == int(parts.get("COUNT", MAX_COUNT + 1)):
            return last
    return None if "COUNT" in parts else last


def starts_between(
    rule: str, starts: datetime, excluded: Sequence[datetime], since: datetime, until: datetime
) -> Sequence[datetime]:
    """When occurrences start, from `since` to `until`, both included."""
    left_out = frozenset(excluded)
    years = (_starts_in(rule, starts, year) for year in range(since.year, until.year + 1))
    return [each for year in years for each in year if since <= each <= until and each not in left_out]


@lru_cache(maxsize=MAX_KEPT)
def _starts_in(rule: str, starts: datetime, year: int) -> Sequence[datetime]:
    """Kept: an old rule takes 20 ms, and every list and every alert asks all rules for the same years."""
    since, until = datetime(year, 1, 1), datetime.max.replace(year=year)
    parts = _parts(rule)
    if "COUNT" in parts:
        last = last_start(rule, starts)
        until = until if last is None else min(until, last)
    elif (step := STEPS.get(parts["FREQ"])) and since > starts:
        # What was long ago need not be counted: a whole number of intervals later, the rule goes on alike.
        interval = step * int(parts.get("INTERVAL", "1"))
        starts += (since - starts) // interval * interval
    return tuple(_bounded(rule, starts, until).between(since, until, inc=True))


def _bounded(rule: str, starts: datetime, until: datetime) -> rrule:
    """The rule without its COUNT, which ends at `until` at the latest, so that evaluating it does, too."""
    parts = _parts(rule)
    if "UNTIL" in parts:
        until = min(until, _wall_clock(parts["UNTIL"], "UTC"))
    parsed = rrulestr(f"RRULE:{_endless(parts)}", dtstart=starts)
    if not isinstance(parsed, rrule):
        raise TypeError("a set of rules is not a rule")
    return parsed.replace(until=until)


def _endless(parts: dict[str, str]) -> str:
    return ";".join(f"{name}={value}" for name, value in parts.items() if name not in ("COUNT", "UNTIL"))


def _late(starts: datetime) -> datetime:
    """The same time in one of the last years of the calendar, whose days are alike: the search is short.

    Weekdays and leap years recur every 28 years, but for turns of a century.
    """
    year = LATE_YEAR + (starts.year - LATE_YEAR) % 28
    return starts.replace(year=year, day=min(starts.day, 28) if starts.month == 2 else starts.day)


def _parts(text: str) -> dict[str, str]:
    parts: dict[str, str] = {}
    for part in text.strip().removeprefix("RRULE:").rstrip(";").upper().split(";"):
        name, equals, value = part.partition("=")
        if not equals or name in parts:
            raise ValueError("must be an RRULE of RFC 5545, such as FREQ=WEEKLY;BYDAY=SA")
        parts[name] = value
    return parts


def _wall_clock(until: str, time_zone: str) -> datetime:
    for form in UNTIL_FORMS:
        try:
            moment = datetime.strptime(until, form)
            if form.endswith("Z"):
                moment = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(time_zone)).replace(tzinfo=None)
        except (ValueError, OverflowError):
            continue
        return moment
    raise ValueError("must have an UNTIL like 20261231T235959Z")
