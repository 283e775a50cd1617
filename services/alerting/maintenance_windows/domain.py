"""Maintenance windows: one-off or recurring, on the wall clock of a time zone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from services.alerting.maintenance_windows.recurrence import last_start, starts_between

MAX_DURATION = timedelta(days=31)
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
        last = last_start(self.rule, self.starts)
        return None if last is None else self._occurrence(last).ends_at

    def _starts(self, since: datetime, until: datetime) -> Sequence[datetime]:
        if self.rule is None:
            return [self.starts]
        return starts_between(self.rule, self.starts, self.excluded, since, until)

    def _local(self, moment: datetime) -> datetime:
        return moment.astimezone(ZoneInfo(self.time_zone)).replace(tzinfo=None)

    def _occurrence(self, starts: datetime) -> Occurrence:
        begin = starts.replace(tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC)
        return Occurrence(begin, begin + self.duration)
