"""From the clock on the wall to UTC, across changes of daylight-saving time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

import numpy as np

from .formats import DAY, NO_OFFSET, NOT_A_TIME, SECOND, Moments, Parsed

HOUR = 3600 * SECOND
REMEMBERED = 3
"""Readings before one on a day of change."""
EPOCH = datetime(1970, 1, 1)


@dataclass(slots=True)
class ZoneReader:
    """Converts successive cells of a file to UTC. It remembers where the clock stood, so chunks may be of any
    size.

    In the hour that occurs twice in autumn, the first pass lasts until the clock steps back, or stands still
    where samples come once in that time; a column that does neither there is taken for the first pass. A time
    in the hour that spring skips is read with the offset before the change, as from a logger whose clock was
    not changed. Both are counted (`repeated`, of these `by_order` were told apart by the step; `skipped`).
    """

    zone: ZoneInfo | int
    repeated: int = 0
    by_order: int = 0
    skipped: int = 0
    _last: list[int] = field(default_factory=lambda: [NOT_A_TIME] * REMEMBERED)
    _second_pass: bool = False
    _changes: dict[int, bool] = field(default_factory=dict)

    def utc(self, parsed: Parsed) -> Moments:
        """Return microseconds since 1970 in UTC, NOT_A_TIME where a cell is no time."""
        local, offset = parsed.local, parsed.offset
        known = local != NOT_A_TIME
        stated = known & (offset != NO_OFFSET)
        result = np.full(len(local), NOT_A_TIME)
        result[stated] = local[stated] - offset[stated] * SECOND
        naive = known & ~stated
        if naive.any():
            result[naive] = self._from_zone(local[naive])
        return result

    def _from_zone(self, local: Moments) -> Moments:
        zone = self.zone
        if isinstance(zone, int):
            return local - zone * SECOND
        days, place = np.unique(local // DAY, return_inverse=True)
        offsets = np.array([_offset(zone, int(day) * DAY) for day in days])
        changing = np.array([self._changes_on(zone, int(day)) for day in days])
        result: Moments = local - offsets[place] * SECOND
        readings = np.concatenate([self._last, local])
        for row in np.flatnonzero(changing[place]):
            before = readings[row : row + REMEMBERED].tolist()
            result[row] = self._on_day_of_change(zone, int(local[row]), before)
        self._last = readings[-REMEMBERED:].tolist()
        return result

    def _changes_on(self, zone: ZoneInfo, day: int) -> bool:
        """Whether the offset changes on this day, or in the hours around it."""
        if day not in self._changes:
            moments = (day * DAY - 1, day * DAY, (day + 1) * DAY)
            offsets = {_offset(zone, moment, fold) for moment in moments for fold in (0, 1)}
            self._changes[day] = len(offsets) > 1
        return self._changes[day]

    def _on_day_of_change(self, zone: ZoneInfo, local: int, before: Sequence[int]) -> int:
        first, second = _offset(zone, local), _offset(zone, local, 1)
        if first == second:
            self._second_pass = False
            return local - first * SECOND
        if first < second:
            self.skipped += 1
            return local - first * SECOND
        self.repeated += 1
        overlap = (first - second) * SECOND
        last = before[-1]
        if last != NOT_A_TIME and (
            local < last <= local + overlap or (local == last and _has_step(before, overlap))
        ):
            # The step back: what came before since the clock entered this hour was the first pass.
            self._second_pass = True
        if self._second_pass:
            self.by_order += 1
        return local - (second if self._second_pass else first) * SECOND


def _has_step(readings: Sequence[int], step: int) -> bool:
    """Tell whether readings follow each other by this step, and none twice; the file may begin there."""
    known = [reading for reading in readings if reading != NOT_A_TIME]
    return len(known) > 1 and all(after - before == step for before, after in pairwise(known))


def _offset(zone: ZoneInfo, local: int, fold: int = 0) -> int:
    """Return the offset in seconds of a clock reading; of two, the one before the change unless fold is 1."""
    moment = (EPOCH + timedelta(microseconds=local)).replace(fold=fold, tzinfo=zone)
    shift = moment.utcoffset()
    return 0 if shift is None else round(shift.total_seconds())


def iso(moment: int) -> str:
    """Return a moment (microseconds since 1970, UTC) as ISO 8601 text."""
    text = (EPOCH.replace(tzinfo=UTC) + timedelta(microseconds=int(moment))).isoformat()
    return text.replace("+00:00", "Z")


def isos(moments: Moments) -> list[str]:
    """Return moments as ISO 8601 texts, with as many decimals as needed (none, three or six)."""
    unit = "s" if not (moments % SECOND).any() else "ms" if not (moments % 1000).any() else "us"
    stamps = moments.astype("datetime64[us]").astype(f"datetime64[{unit}]")
    return [f"{text}Z" for text in np.datetime_as_string(stamps).tolist()]
