"""Finds cells of a baseline that no sensor measured, such as a logger's -9999, before anything is learnt."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rows import row_chunks

Floats = NDArray[np.float64]

GROSS_CELL = 50.0
"""A cell this many robust standard deviations from its feature's median is no measurement. With 20, the peaks
of a log-normal feature would be errors: with a sigma of 1 it reaches 45 in 10,000 samples."""

GROSS_STEPS = 100.0
"""The same for a feature that is constant but for single cells, in units of its resolution. A status that
flips moves by a step or two."""

MAX_GROSS_SHARE = 0.01
"""What happens in more samples than this share is a state of the machine, not an error of the logger."""

CONSISTENCY = 1.4826
"""Makes the median absolute deviation of normal samples their standard deviation (Hampel 1974)."""

SCALE_ROWS = 2000
"""Evenly spaced samples that determine median and scale; both are needed to one digit only."""


@dataclass(frozen=True, slots=True)
class GrossCell:
    """A cell that was left out of learning, with its whole sample; `row` and `column` count from 0."""

    row: int
    column: int
    value: float


def gross_cells(x: Floats) -> list[GrossCell]:
    """Return the cells of x (n, d) that lie absurdly far from their feature's median, by row and column.

    Location and scale are the median and the median absolute deviation, which a tenth of bad cells cannot
    move. Mean and standard deviation of the remaining samples are learnt afterwards.
    """
    n, d = x.shape
    some = x[np.unique(np.linspace(0, n - 1, min(n, SCALE_ROWS)).astype(np.int64))]
    centre = np.median(some, axis=0)
    scale = CONSISTENCY * np.median(np.abs(some - centre), axis=0)
    limit = np.where(scale > 0.0, GROSS_CELL * scale, GROSS_STEPS * resolution(centre))
    found: list[GrossCell] = []
    counts = np.zeros(d, dtype=np.int64)
    most = max(1.0, MAX_GROSS_SHARE * n)
    for rows in row_chunks(n, d):
        beyond = np.abs(x[rows] - centre) > limit
        counts += beyond.sum(axis=0)
        places = np.argwhere(beyond & (counts <= most))
        found += [
            GrossCell(rows.start + row, column, float(x[rows.start + row, column]))
            for row, column in places.tolist()
        ]
    return [cell for cell in found if counts[cell.column] <= most]


def resolution(values: Floats) -> Floats:
    """Return the last decimal place of each value (k,) as a unit: 0.01 for 4.37, 1 for 5 and for 1200.

    Values are read to twelve significant digits, so that rounding errors of float64 are not decimals.
    """
    units = np.ones(values.size)
    for place, value in enumerate(values.tolist()):
        if value == 0.0:
            continue
        mantissa, exponent = f"{value:.11e}".split("e")
        digits = len(mantissa.split(".")[1].rstrip("0"))
        units[place] = 10.0 ** min(0, int(exponent) - digits)
    return units
