"""Runs of equal values in successive chunks of columns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]


@dataclass(slots=True)
class Runs:
    """The longest run of equal values of each sensor, and the one that the data end in; both (d,).

    A missing value ends a run.
    """

    longest: Counts
    current: Counts
    last: Floats

    @classmethod
    def of(cls, sensors: int) -> Runs:
        """Return runs of no samples yet."""
        return cls(
            np.zeros(sensors, dtype=np.int64), np.zeros(sensors, dtype=np.int64), np.full(sensors, np.nan)
        )

    def add(self, x: Floats) -> None:
        """Count a chunk (m, d). The loop is over the shorter side."""
        if not len(x):
            return
        same = np.vstack([x[:1] == self.last, x[1:] == x[:-1]])
        present = ~np.isnan(x)
        if len(x) <= x.shape[1]:
            for equal, here in zip(same, present, strict=True):
                self.current = np.where(equal, self.current + 1, here.astype(np.int64))
                np.maximum(self.longest, self.current, out=self.longest)
        else:
            for sensor in range(x.shape[1]):
                self._add_column(sensor, same[:, sensor], present[:, sensor])
        self.last = x[-1].copy()

    def _add_column(self, sensor: int, same: NDArray[np.bool_], present: NDArray[np.bool_]) -> None:
        starts = np.flatnonzero(~same)
        lengths = np.diff(np.concatenate([starts, [len(same)]]))
        head = int(starts[0]) if len(starts) else len(same)
        carried = int(self.current[sensor]) + head
        # A run that starts with a missing value is none.
        lengths = np.where(present[starts], lengths, 0)
        self.current[sensor] = lengths[-1] if len(starts) else carried
        self.longest[sensor] = max(int(self.longest[sensor]), carried, int(lengths.max(initial=0)))
