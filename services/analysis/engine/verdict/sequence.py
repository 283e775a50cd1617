"""Exponentially weighted moving averages over a sequence (MEWMA), exact across chunk boundaries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SequenceState:
    """The state of a sequence: its moving average and the number of samples so far.

    `as_dict` is JSON-serialisable. Python writes and reads floats exactly, so a chunk that continues from a
    stored state gives bit for bit the same numbers as processing the whole sequence at once.
    """

    average: tuple[float, ...]
    count: int

    def as_dict(self) -> dict[str, Any]:
        """Return the state as JSON-serialisable values."""
        return {"average": list(self.average), "count": self.count}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the state that `as_dict` stored."""
        return cls(tuple(float(value) for value in values["average"]), int(values["count"]))


def smooth(
    z: Floats, centre: Floats, weight: float | None, state: SequenceState | None
) -> tuple[Floats, SequenceState]:
    """Return the moving averages of rows z (m, d), on the scale of single samples, and the state after them.

    `e_t = l*(z_t - centre) + (1 - l)*e_(t-1)` with e_0 = 0 (Lowry and others 1992) is divided by its standard
    deviation relative to a single independent sample, sqrt(l/(2 - l)). Without a weight, z is returned. Where
    a cell is missing (NaN), so is its average, which continues with the next cell that is there.
    """
    count = (state.count if state is not None else 0) + z.shape[0]
    if weight is None:
        return z, SequenceState((), count)
    from scipy.signal import lfilter  # imported here because it loads slowly

    keep = 1.0 - weight
    average = np.array(state.average) if state is not None and state.average else np.zeros(z.shape[1])
    deviations, start = z - centre, keep * average
    averages, _ = lfilter([weight], [1.0, -keep], deviations, axis=0, zi=start[None, :])
    end = averages[-1].copy() if z.shape[0] else average
    for column in np.flatnonzero(np.isnan(deviations).any(axis=0)):
        there = np.flatnonzero(~np.isnan(deviations[:, column]))
        averages[:, column], end[column] = np.nan, average[column]
        if there.size:
            seen, _ = lfilter(
                [weight], [1.0, -keep], deviations[there, column], zi=start[column : column + 1]
            )
            averages[there, column], end[column] = seen, seen[-1]
    smoothed: Floats = centre + averages / np.sqrt(weight / (2.0 - weight))
    return smoothed, SequenceState(tuple(end.tolist()), count)
