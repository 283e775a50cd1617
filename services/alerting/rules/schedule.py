"""When a rule pages nobody, on the clock of the plant: daylight saving included. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

MIDNIGHT = time()
# Every pattern repeats within a week; a day more covers a change of the clocks.
MAX_DAYS_AHEAD = 8


@dataclass(frozen=True, slots=True)
class Mute:
    """From `start` until before `end` on the days on which it begins (0 is Monday).

    It lasts past midnight if `end` is not after `start`; from midnight to midnight is the whole day.
    """

    days: frozenset[int]
    start: time = MIDNIGHT
    end: time = MIDNIGHT

    def covers(self, local: datetime) -> bool:
        at, today = local.time(), local.weekday()
        if self.start < self.end:
            return today in self.days and self.start <= at < self.end
        yesterday = (today - 1) % 7
        return (today in self.days and at >= self.start) or (yesterday in self.days and at < self.end)


@dataclass(frozen=True, slots=True)
class Schedule:
    zone: ZoneInfo
    mutes: Sequence[Mute]

    def muted(self, at: datetime) -> bool:
        local = at.astimezone(self.zone)
        return any(mute.covers(local) for mute in self.mutes)

    def ends(self, at: datetime) -> datetime | None:
        """When the muted time around `at` ends; None if there is none, or it never ends."""
        if not self.muted(at):
            return None
        # Times that the clock skips or repeats lie within an hour of these, and all are looked at.
        today = at.astimezone(self.zone).date()
        marks = {mark for mute in self.mutes for mark in (mute.start, mute.end)} | {MIDNIGHT}
        candidates = sorted(
            datetime.combine(today + timedelta(days=day), mark, self.zone).replace(fold=fold).astimezone(UTC)
            for day in range(-1, MAX_DAYS_AHEAD)
            for mark in marks
            for fold in (0, 1)
        )
        return next((mark for mark in candidates if mark > at and not self.muted(mark)), None)
