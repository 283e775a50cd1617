"""Maintenance windows: one-off or recurring, on the wall clock of a time zone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from dateutil.rrule import rrule, rruleset, rrulestr

MAX_DURATION = timedelta(days=31)
# Finer ones would recur within a window.
FREQUENCIES = ("DAILY", "WEEKLY", "MONTHLY", "YEARLY")
MAX_EXCLUDED = 500
# The distance between wall clock and UTC, for bounds that must not miss an occurrence.
SLACK = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Occurrence:
    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Schedule:
    """`starts` and `excluded` are wall-clock times in `time_zone`; `rule` is an RRULE of RFC 5545.

    A daily window from 22:00 stays at 22:00 when the clocks change.
    """

    starts: datetime
    duration: timedelta
    time_zone: str
    rule: str | None = None
    excluded: tuple[datetime, ...] = ()

    @classmethod
    def load(cls, stored: Mapping[str, Any]) -> "Schedule":
        return cls(
            datetime.fromisoformat(stored["starts"]),
            timedelta(seconds=stored["duration_seconds"]),
            stored["time_zone"],
            stored.get("rule"),
            tuple(datetime.fromisoformat(each) for each in stored.get("excluded", ())),
        )

    def stored(self) -> dict[str, Any]:
        return {
            "starts": self.starts.isoformat(),
            "duration_seconds": self.duration.total_seconds(),
            "time_zone": self.time_zone,
            "rule": self.rule,
            "excluded": [each.isoformat() for each in self.excluded],
        }

    def at(self, moment: datetime) -> Occurrence | None:
        """The occurrence that covers the moment; the one that ends last, if several do."""
        local = self._local(moment)
        covering = [
            occurrence
            for starts in self._starts(local - self.duration - SLACK, local + SLACK)
            if (occurrence := self._occurrence(starts)).starts_at <= moment < occurrence.ends_at
        ]
        return max(covering, key=lambda each: each.ends_at, default=None)

    def between(self, since: datetime, until: datetime, limit: int) -> list[Occurrence]:
        """The occurrences that overlap a period, at most `limit`."""
        starts = self._starts(self._local(since) - self.duration - SLACK, self._local(until) + SLACK)
        found = [self._occurrence(each) for each in starts]
        return [each for each in found if each.starts_at < until and each.ends_at > since][:limit]

    def ends_at(self) -> datetime | None:
        """When the last occurrence ends; None if it recurs for ever."""
        if self.rule is None:
            return self._occurrence(self.starts).ends_at
        if "UNTIL=" not in self.rule and "COUNT=" not in self.rule:
            return None
        *_, last = self._rule() or [self.starts]
        return self._occurrence(last).ends_at

    def _starts(self, since: datetime, until: datetime) -> Sequence[datetime]:
        if self.rule is None:
            return [self.starts]
        recurring = rruleset()
        recurring.rrule(self._rule())
        for each in self.excluded:
            recurring.exdate(each)
        return recurring.between(since, until, inc=True)

    def _rule(self) -> rrule:
        parsed = rrulestr(f"RRULE:{self.rule}", dtstart=self.starts)
        if not isinstance(parsed, rrule):
            raise TypeError("a set of rules is not a rule")
        return parsed

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)

    def _occurrence(self, starts: datetime) -> Occurrence:
        begin = starts.replace(tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)
        return Occurrence(begin, begin + self.duration)


def checked_rule(text: str, starts: datetime, time_zone: str) -> str:
    """The RRULE, with UNTIL on the wall clock. Raises ValueError, which says what is wrong."""
    parts: dict[str, str] = {}
    for part in text.strip().removeprefix("RRULE:").rstrip(";").upper().split(";"):
        name, equals, value = part.partition("=")
        if not equals or name in parts:
            raise ValueError("must be an RRULE of RFC 5545, such as FREQ=WEEKLY;BYDAY=SA")
        parts[name] = value
    if parts.get("FREQ") not in FREQUENCIES:
        raise ValueError(f"must have a FREQ of {', '.join(FREQUENCIES)}")
    if parts.keys() & {"BYHOUR", "BYMINUTE", "BYSECOND"}:
        raise ValueError("must not have BYHOUR, BYMINUTE or BYSECOND: the start gives the time of day")
    if until := parts.get("UNTIL"):
        parts["UNTIL"] = _wall_clock(until, time_zone)
    rule = ";".join(f"{name}={value}" for name, value in parts.items())
    try:
        first = next(iter(rrulestr(f"RRULE:{rule}", dtstart=starts)), None)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"must be an RRULE of RFC 5545: {error}") from None
    if first is None:
        raise ValueError("must have at least one occurrence")
    return rule


def _wall_clock(until: str, time_zone: str) -> str:
    if not until.endswith("Z"):
        return until
    try:
        moment = datetime.strptime(until, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError("must have an UNTIL like 20261231T235959Z") from None
    return f"{moment.astimezone(ZoneInfo(time_zone)):%Y%m%dT%H%M%S}"
