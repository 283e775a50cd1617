"""Exponentially weighted moving averages over a sequence (MEWMA), exact across chunk boundaries."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from ..detectors import FeatureMahalanobis
from ..detectors.covariance import Sample
from ..rows import Rows, row_chunks

Floats = NDArray[np.float64]

MAX_STEP = 10.0
"""Deviations enter an average that is judged beside single samples, or learnt from, up to this many standard
deviations, so that a single wild value (a logger's -9999) does not alarm for the next fifty samples. Single
samples show a lasting fault of this size in any case."""

EMPTY: tuple[float, ...] = ()

FORGOTTEN = 36.0
"""After so many time constants, a sample weighs less than the rounding error of an average (exp(-36))."""


@dataclass(frozen=True, slots=True)
class SequenceState:
    """The state of a sequence: its moving average, and the number of samples and decimal places so far.

    `present` is the share of the features that the average rests on.

    `as_dict` is JSON-serialisable. Python writes and reads floats exactly, so a chunk that continues from a
    stored state gives bit for bit the same numbers as processing the whole sequence at once.
    """

    average: tuple[float, ...]
    count: int
    places: tuple[int, ...] = ()
    present: float = 1.0

    def as_dict(self) -> dict[str, Any]:
        """Return the state as JSON-serialisable values."""
        return {
            "average": list(self.average),
            "count": self.count,
            "places": list(self.places),
            "present": self.present,
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the state that `as_dict` stored."""
        average = tuple(float(value) for value in values["average"])
        places = tuple(int(place) for place in values.get("places", ()))
        return cls(average, int(values["count"]), places, float(values.get("present", 1.0)))


def smooth(
    z: Floats, weight: float, before: tuple[float, ...], bound: float = np.inf
) -> tuple[Floats, tuple[float, ...]]:
    """Return the moving averages of standardised rows z (m, d), and where the average stands after them.

    `before` (d,) is where it stood before, empty at the start of a sequence. Deviations enter up to `bound`.
    `e_t = l*z_t + (1 - l)*e_(t-1)` with e_0 = 0 (Lowry and others 1992) is divided by its standard deviation
    relative to a single independent sample, sqrt(l/(2 - l)). Rows of which nothing is there (NaN) have no
    average; it continues with the next row. Single missing cells must have been filled with what the others
    let expect: averages of different samples would no longer depend on each other as the samples do.
    """
    from scipy.signal import lfilter  # imported here because it loads slowly

    keep = 1.0 - weight
    if z.shape[0] == 0:
        return z, before
    average = np.array(before) if before else np.zeros(z.shape[1])
    bounded, start = np.clip(z, -bound, bound), keep * average
    averages, _ = lfilter([weight], [1.0, -keep], bounded, axis=0, zi=start[None, :])
    end = averages[-1].copy()
    nothing = np.isnan(z).any(axis=1)
    if nothing.any():
        averages[:], end = np.nan, average
        if not nothing.all():
            averages[~nothing], _ = lfilter(
                [weight], [1.0, -keep], bounded[~nothing], axis=0, zi=start[None, :]
            )
            end = averages[np.flatnonzero(~nothing)[-1]]
    smoothed: Floats = averages / np.sqrt(weight / (2.0 - weight))
    return smoothed, tuple(end.tolist())


def present_in_averages(share: Floats, weight: float, before: float) -> tuple[Floats, float]:
    """Return the shares (m,) of features that moving averages rest on, and the last of them.

    `share` (m,) is what is there of each row. A row that lacks k of d features lowers the expected squared
    distance of the average by k/d of the row's part in the average's variance, the square of its weight.
    """
    from scipy.signal import lfilter  # imported here because it loads slowly

    keep = (1.0 - weight) ** 2
    some = share > 0.0
    found = np.full(share.size, before)
    if some.any():
        found[some], _ = lfilter([1.0 - keep], [1.0, -keep], share[some], zi=[keep * before])
        before = float(found[np.flatnonzero(some)[-1]])
    return found, before


def averages(sample: Sample, weight: float, space: FeatureMahalanobis | None = None) -> Sample:
    """Return a sample of the moving averages of a sample's rows.

    The average of a row starts so many rows before it that all older ones weigh nothing. `space` tells what
    missing cells are expected to be; None if there are none.
    """
    memory = 0 if weight >= 1.0 else int(np.ceil(FORGOTTEN / -np.log1p(-weight)))

    def of(source: Callable[[Rows], Floats]) -> Callable[[Rows], Floats]:
        def take(rows: Rows) -> Floats:
            found = np.empty((rows.size, sample.width))
            first, before = max(0, int(rows[0]) - memory), EMPTY
            every = np.arange(first, int(rows[-1]) + 1)
            for part in row_chunks(every.size, sample.width):
                smoothed, before = smooth(source(every[part]), weight, before, MAX_STEP)
                start, stop = np.searchsorted(rows, [first + part.start, first + part.stop])
                found[start:stop] = smoothed[rows[start:stop] - first - part.start]
            return found

        return take

    if space is None:
        return replace(sample, take=of(sample.take), complete=of(sample.complete), expected=None)

    def present(rows: Rows) -> Floats:
        first, before = max(0, int(rows[0]) - memory), 1.0
        found = np.empty(rows.size)
        every = np.arange(first, int(rows[-1]) + 1)
        for part in row_chunks(every.size, sample.width):
            gaps = np.isnan(sample.take(every[part]))
            shares, before = present_in_averages(space.present(gaps), weight, before)
            start, stop = np.searchsorted(rows, [first + part.start, first + part.stop])
            found[start:stop] = shares[rows[start:stop] - first - part.start]
        return found

    expected = of(lambda rows: space.expected(sample.take(rows)))
    return replace(sample, take=expected, complete=of(sample.complete), present=present, expected=None)
