"""What is missing in a baseline: cells without a value, and those that no sensor measured, such as -9999."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rows import NO_ROWS, Rows, Table, row_chunks

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

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


MAX_ABSENT_SHARE = 0.5
"""A feature of which more than this share of the baseline is missing is left out: too few samples tell how it
behaves together with others, of which any may be missing, too."""


@dataclass(frozen=True, slots=True)
class GrossCell:
    """A cell that counts as missing; `row` and `column` count from 0."""

    row: int
    column: int
    value: float


def gross_cells(x: Floats) -> list[GrossCell]:
    """Return the cells of x (n, d) that lie absurdly far from their feature's median, by row and column.

    Location and scale are the median and the median absolute deviation, which a tenth of bad cells cannot
    move. Mean and standard deviation of the remaining cells are learnt afterwards.
    """
    n, d = x.shape
    some = x[np.unique(np.linspace(0, n - 1, min(n, SCALE_ROWS)).astype(np.int64))]
    centre = _median(some)
    scale = CONSISTENCY * _median(np.abs(some - centre))
    limit = np.where(scale > 0.0, GROSS_CELL * scale, GROSS_STEPS * resolution(np.nan_to_num(centre)))
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


def _median(x: Floats) -> Floats:
    """The medians (d,) of what is there of x (m, d); NaN where nothing is."""
    if not np.isnan(x).any():
        return np.asarray(np.median(x, axis=0))
    ordered = np.sort(x, axis=0)  # NaN comes last
    count = x.shape[0] - np.isnan(x).sum(axis=0)
    low, high = np.maximum(count - 1, 0) // 2, count // 2
    middle = np.stack([low, np.minimum(high, x.shape[0] - 1)])
    return np.asarray(np.take_along_axis(ordered, middle, axis=0).mean(axis=0))


class Cleaned:
    """Samples x (n, d) in which some cells count as missing; x itself stays as it is."""

    def __init__(self, x: Floats, cells: Sequence[GrossCell]) -> None:
        self._x = x
        self._rows = np.array([cell.row for cell in cells], dtype=np.int64)
        self._columns = np.array([cell.column for cell in cells], dtype=np.int64)

    @property
    def shape(self) -> tuple[int, ...]:
        """n and d."""
        return self._x.shape

    def __getitem__(self, rows: slice | Rows, /) -> Floats:
        """Some of the rows, in increasing order."""
        part = self._x[rows]
        numbers = np.arange(*rows.indices(self._x.shape[0])) if isinstance(rows, slice) else rows
        inside = np.isin(self._rows, numbers)
        if not inside.any():
            return part
        blanked = np.array(part)
        blanked[np.searchsorted(numbers, self._rows[inside]), self._columns[inside]] = np.nan
        return blanked


@dataclass(frozen=True, slots=True)
class Gaps:
    """What is missing of samples (n, d): `lacking` (d,) is the share of each feature.

    `absent` marks the features (d,) that are left out because too much of them is missing; `skipped` are the
    samples of which too much of the others is missing.
    """

    lacking: Floats
    absent: Mask
    skipped: Rows


def find_gaps(x: Table, max_missing: float) -> Gaps:
    """Find what is missing of x (n, d); samples are skipped if more than the share `max_missing` is."""
    n, d = x.shape
    counts = np.zeros(d)
    for rows in row_chunks(n, d):
        counts += np.isnan(x[rows]).sum(axis=0)
    absent = counts > MAX_ABSENT_SHARE * n
    skipped = []
    if counts[~absent].any():
        for rows in row_chunks(n, d):
            share = np.isnan(x[rows])[:, ~absent].mean(axis=1)
            skipped.append(rows.start + np.flatnonzero(share > max_missing))
    return Gaps(counts / n, absent, np.concatenate(skipped) if skipped else NO_ROWS)


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
