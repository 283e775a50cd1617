"""The resolution of features, found from their digits: in a baseline, and in the samples that follow it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rows import Table

Floats = NDArray[np.float64]
Places = NDArray[np.int64]

MAX_PLACES = 9
"""Values with more decimal places count as continuous."""

MAX_ROWS = 1000
"""Evenly spaced samples whose digits determine the resolution of a baseline."""

ROUNDING, MAX_DIGITS = 1e-13, 1e10
"""Values are read to ten significant digits, with an error that float64 allows for; longer ones are
continuous."""

EVIDENCE = 6
"""A digit is 0 by chance in one value of ten. A file is coarser than its baseline if so many digits are: one
place is missing in six samples, or two in three."""


def places(x: Floats) -> Places:
    """Return for each column of x (m, d) the decimal places (d,) of its values: 2 for 4.37 and 5.

    MAX_PLACES + 1 means more; missing values (NaN) have none.
    """
    found = np.zeros(x.shape[1], dtype=np.int64)
    open_ = np.arange(x.shape[1])
    for place in range(MAX_PLACES + 1):
        open_ = open_[~_whole(x[:, open_], np.full(open_.size, place)).all(axis=0)]
        if open_.size == 0:
            break
        found[open_] = place + 1
    return found


def baseline_places(x: Table) -> Places:
    """Return the decimal places (d,) of the features of baseline samples x (n, d)."""
    n = x.shape[0]
    return places(x[np.unique(np.linspace(0, n - 1, min(n, MAX_ROWS)).astype(np.int64))])


def steps(decimal: Places) -> Floats:
    """Return the smallest difference (d,) between values with so many decimal places; 0 if continuous."""
    return np.where(decimal > MAX_PLACES, 0.0, 10.0 ** -np.minimum(decimal, MAX_PLACES).astype(np.float64))


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive rows of a chunk, the decimal places (d,) seen up to there, and which features are coarser.

    A feature is coarser than in its baseline if all its values so far have fewer decimal places. What a row
    shows depends on the rows up to it only, so chunks may have any size.
    """

    rows: slice
    places: Places
    coarser: NDArray[np.bool_]

    def same(self, seen: Places, coarser: NDArray[np.bool_]) -> bool:
        """Whether rows with these decimal places are judged like this stretch."""
        return np.array_equal(coarser, self.coarser) and np.array_equal(seen[coarser], self.places[coarser])


def stretches(x: Floats, baseline: Places, seen: Places, count: int) -> list[Stretch]:
    """Divide the rows of x (m, d) where it becomes known which features are coarser than in the baseline.

    `count` rows with the decimal places `seen` (d,) came before.
    """
    found: list[Stretch] = []
    start, m = 0, x.shape[0]
    while start < m:
        seen = np.maximum(seen, np.minimum(places(x[start : start + 1]), baseline))
        rows, missing = count + start + 1, baseline - seen
        stop = start + 1
        if rows >= EVIDENCE:
            below = np.flatnonzero(missing)
            more = (~_whole(x[stop:, below], seen[below])).any(axis=1)
            stop = stop + int(more.argmax()) if more.any() else m
        coarser = evident(missing, rows)
        first = start
        if found and found[-1].same(seen, coarser):
            first = found.pop().rows.start
        found.append(Stretch(slice(first, stop), seen, coarser))
        start = stop
    return found


def evident(missing: Places, rows: int) -> NDArray[np.bool_]:
    """Tell of which features (d,) so many decimal places are missing in all rows that it is no chance."""
    return missing * min(rows, EVIDENCE) >= EVIDENCE


def _whole(x: Floats, place: Places) -> NDArray[np.bool_]:
    """Tell which values of x (m, d) have at most so many decimal places (d,); missing ones do."""
    with np.errstate(over="ignore", invalid="ignore"):  # the largest values have no decimals
        scaled = np.abs(x) * 10.0 ** place.astype(np.float64)
        off = np.abs(scaled - np.rint(scaled)) > ROUNDING * scaled
    whole: NDArray[np.bool_] = ~(off | (scaled > MAX_DIGITS))
    return whole
