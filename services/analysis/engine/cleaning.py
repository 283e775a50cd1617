"""Finds cells of a baseline that no sensor measured, such as a logger's -9999, before anything is learnt."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

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

COLUMN_VALUES = 2_000_000
"""Values that are sorted at once (16 MB)."""


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
    found: list[GrossCell] = []
    n, d = x.shape
    for columns in _column_blocks(n, d):
        block = x[:, columns]
        centre = np.median(block, axis=0)
        deviation = np.abs(block - centre)
        scale = CONSISTENCY * np.median(deviation, axis=0)
        limit = np.where(scale > 0.0, GROSS_CELL * scale, GROSS_STEPS * resolution(centre))
        rows, places = np.nonzero(deviation > limit)
        counts = np.bincount(places, minlength=block.shape[1])
        rare = counts <= max(1.0, MAX_GROSS_SHARE * n)
        found += [
            GrossCell(int(row), columns.start + int(place), float(block[row, place]))
            for row, place in zip(rows, places, strict=True)
            if rare[place]
        ]
    return sorted(found, key=lambda cell: (cell.row, cell.column))


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


def _column_blocks(n: int, d: int) -> Iterator[slice]:
    step = max(1, COLUMN_VALUES // max(1, n))
    return (slice(start, min(d, start + step)) for start in range(0, d, step))
