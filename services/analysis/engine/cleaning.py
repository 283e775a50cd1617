"""What is missing in a baseline: cells without a value, and those that no sensor measured, such as -9999."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .rows import NO_ROWS, Rows, Table, row_chunks

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FAR = 10.0
"""No cell is an error of the logger within so many robust standard deviations of its feature's median."""

FAR_STEPS = 100.0
"""The same for a feature that is constant but for single cells, in units of its resolution. A status that
flips moves by a step or two."""

GAP = 3.0
"""Errors are apart from what a feature measures: at least this many times as far out as all its other cells.
The peaks of heavy tails follow each other more closely, as do the samples of a load that is seldom run."""

RARE, MAX_SHARE = 0.01, 0.1
"""Up to the first share of its samples, a feature's cells are errors if they are apart. Up to the second,
they must also be marks, which most of their samples do not explain. More is a state of the machine."""

MANY_UNUSUAL = 3
"""So many other features, or half of them, are not wrong by chance in the same sample."""

MAX_MARKS = 2
"""A logger marks what it has not measured by one value, or by one at each end (-9999 and 9999)."""

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
    """Return the cells of x (n, d) that no sensor measured, by row and column: far out, and apart.

    Location and scale are the median and the median absolute deviation, which a tenth of bad cells cannot
    move. Mean and standard deviation of the remaining cells are learnt afterwards.
    """
    n, d = x.shape
    some = x[np.unique(np.linspace(0, n - 1, min(n, SCALE_ROWS)).astype(np.int64))]
    centre = _median(some)
    scale = CONSISTENCY * _median(np.abs(some - centre))
    limit = np.where(scale > 0.0, FAR * scale, FAR_STEPS * resolution(np.nan_to_num(centre)))
    counts = np.zeros(d, dtype=np.int64)
    for rows in row_chunks(n, d):
        counts += (np.abs(x[rows] - centre) > limit).sum(axis=0)
    found: list[GrossCell] = []
    for column in np.flatnonzero((counts > 0) & (counts <= max(1.0, MAX_SHARE * n))).tolist():
        values = x[:, column]
        apart = _apart(np.abs(values - centre[column]), float(limit[column]))
        bad = apart[~_explained(x[apart], column, centre, limit)]
        # What most samples explain is a state of the machine, also in the others.
        marks = np.unique(values[bad]).size <= MAX_MARKS and 2 * bad.size > apart.size
        if bad.size <= max(1.0, RARE * n) or (scale[column] > 0.0 and marks):
            found += [GrossCell(row, column, float(values[row])) for row in bad.tolist()]
    return sorted(found, key=lambda cell: (cell.row, cell.column))


def _apart(distances: Floats, limit: float) -> Rows:
    """Return the rows whose distances (n,) from the median are beyond the limit, and apart from the rest."""
    order = np.argsort(distances)  # NaN comes last
    ordered = distances[order]
    jumps = (ordered[1:] > limit) & (ordered[1:] >= GAP * ordered[:-1])
    if not jumps.any():
        return NO_ROWS
    beyond = order[int(jumps.argmax()) + 1 :]
    return np.sort(beyond[~np.isnan(distances[beyond])])


def _explained(x: Floats, column: int, centre: Floats, limit: Floats) -> Mask:
    """Tell which samples x (k, d) are unusual in so many other features that the machine explains them.

    Others that have the same values are as wrong: a logger marks all sensors alike.
    """
    unusual = (np.abs(x - centre) > limit) & ~np.isin(x, x[:, column])
    explained: Mask = unusual.sum(axis=1) >= min(MANY_UNUSUAL, max(1, x.shape[1] // 2))
    return explained


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
