"""What the times of a file say about it: sampling interval, gaps, duplicates, disorder, and what was not
read."""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .finding import missing
from .formats import NOT_A_TIME, SECOND, Moments
from .zones import iso

MAX_STEPS = 20_000
"""Different steps that are counted exactly; beyond, they are counted ten times as coarsely."""

MAX_EXAMPLES = 5
GAP_STEPS, JITTER_GAP_STEPS = 1.5, 5.0
"""A step that is longer than so many intervals is a gap: of even steps, and of uneven ones."""

EVEN_SHARE, EVEN_TOLERANCE = 0.9, 0.1


@dataclass(slots=True)
class TimeFacts:
    """Counts over successive chunks of times; memory does not grow with the file."""

    read: int = 0
    unreadable: int = 0
    empty: int = 0
    examples: list[dict[str, Any]] = field(default_factory=list)
    first: int = NOT_A_TIME
    last: int = NOT_A_TIME
    duplicates: int = 0
    backwards: int = 0
    first_backwards: int | None = None
    _before: int = NOT_A_TIME
    _unit: int = 1
    _steps: Counter[int] = field(default_factory=Counter)
    _longest: list[tuple[int, int]] = field(default_factory=list)

    def add(self, moments: Moments, odd: NDArray[np.int64], cells: list[str | None], first_row: int) -> None:
        """Count a chunk: moments in UTC, the rows and cells of those that are none, and the row of the
        first."""
        known = moments != NOT_A_TIME
        for place, cell in zip(odd.tolist(), cells, strict=True):
            if missing(cell):
                self.empty += 1
                continue
            self.unreadable += 1
            if len(self.examples) < MAX_EXAMPLES:
                self.examples.append({"row": first_row + place, "cell": str(cell)[:64]})
        times, rows = moments[known], np.flatnonzero(known)
        if not len(times):
            return
        self.read += len(times)
        low, high = int(times.min()), int(times.max())
        self.first = low if self.first == NOT_A_TIME else min(self.first, low)
        self.last = high if self.last == NOT_A_TIME else max(self.last, high)
        if self._before != NOT_A_TIME:
            times, rows = np.concatenate([[self._before], times]), np.concatenate([[-1], rows])
        self._before = int(times[-1])
        self._count(times, rows, first_row)

    def _count(self, times: Moments, rows: NDArray[np.int64], first_row: int) -> None:
        steps = np.diff(times)
        self.duplicates += int((steps == 0).sum())
        back = np.flatnonzero(steps < 0)
        self.backwards += len(back)
        if len(back) and self.first_backwards is None:
            self.first_backwards = first_row + int(rows[back[0] + 1])
        ahead = np.flatnonzero(steps > 0)
        values, counts = np.unique(steps[ahead] // self._unit, return_counts=True)
        self._steps.update(dict(zip(values.tolist(), counts.tolist(), strict=True)))
        while len(self._steps) > MAX_STEPS:
            self._unit *= 10
            coarser: Counter[int] = Counter()
            for step, count in self._steps.items():
                coarser[step // 10] += count
            self._steps = coarser
        longest = ahead[np.argsort(steps[ahead])[-MAX_EXAMPLES:]]
        pairs = [(int(steps[at]), int(times[at])) for at in longest]
        self._longest = heapq.nlargest(MAX_EXAMPLES, [*self._longest, *pairs])

    @property
    def interval(self) -> float | None:
        """The usual step between successive samples in seconds: the median of all steps ahead."""
        total, seen = sum(self._steps.values()), 0
        for step, count in sorted(self._steps.items()):
            seen += count
            if 2 * seen >= total:
                return step * self._unit / SECOND
        return None

    def as_dict(self) -> dict[str, Any]:
        """Return the facts as JSON; times in UTC, durations in seconds."""
        interval = self.interval
        even, gaps = False, 0
        limit = float("inf")
        if interval:
            usual = interval * SECOND / self._unit
            near = sum(n for step, n in self._steps.items() if abs(step - usual) <= EVEN_TOLERANCE * usual)
            even = near >= EVEN_SHARE * sum(self._steps.values())
            limit = usual * (GAP_STEPS if even else JITTER_GAP_STEPS)
            gaps = sum(count for step, count in self._steps.items() if step > limit)
        return {
            "read": self.read,
            "empty": self.empty,
            "unreadable": self.unreadable,
            "examples": self.examples,
            "first": None if self.first == NOT_A_TIME else iso(self.first),
            "last": None if self.last == NOT_A_TIME else iso(self.last),
            "interval_seconds": interval,
            "even": even,
            "gaps": gaps,
            "longest_gaps": [
                {"from": iso(start), "to": iso(start + step), "seconds": step / SECOND}
                for step, start in self._longest
                if step // self._unit > limit
            ],
            "duplicates": self.duplicates,
            "backwards": self.backwards,
            "first_backwards_row": self.first_backwards,
        }
