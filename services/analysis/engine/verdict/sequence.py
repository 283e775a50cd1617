"""Exponentially weighted moving averages over a sequence, exact across chunk borders (MEWMA)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class SequenceState:
    """Where a sequence stands: its moving average, and how many samples went into it.

    `as_dict` is JSON-able; Python writes and reads floats exactly, so a chunk that continues from a stored
    state gives the same numbers, bit for bit, as the whole sequence at once.
    """

    average: tuple[float, ...]
    count: int

    def as_dict(self) -> dict[str, Any]:
        """The state as JSON-able values."""
        return {"average": list(self.average), "count": self.count}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The state that `as_dict` described."""
        return cls(tuple(float(value) for value in values["average"]), int(values["count"]))


def smooth(
    z: Floats, centre: Floats, weight: float | None, state: SequenceState | None
) -> tuple[Floats, SequenceState]:
    """Moving averages of rows z (m, d), in the scale of single samples, and the state after them.

    `e_t = l*(z_t - centre) + (1 - l)*e_(t-1)`, e_0 = 0 (Lowry and others 1992), divided by its standard
    deviation sqrt(l/(2 - l)) relative to a single independent sample. Without a weight: z itself.
    """
    count = (state.count if state is not None else 0) + z.shape[0]
    if weight is None:
        return z, SequenceState((), count)
    from scipy.signal import lfilter  # late: it takes long to load

    keep = 1.0 - weight
    average = np.array(state.average) if state is not None and state.average else np.zeros(z.shape[1])
    averages, _ = lfilter([weight], [1.0, -keep], z - centre, axis=0, zi=(keep * average)[None, :])
    end = averages[-1] if z.shape[0] else average
    smoothed: Floats = centre + averages / np.sqrt(weight / (2.0 - weight))
    return smoothed, SequenceState(tuple(end.tolist()), count)
