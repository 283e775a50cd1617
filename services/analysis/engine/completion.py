"""Completes the samples of a baseline of which cells are missing, for what is learnt from whole samples."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .detectors.covariance import Sample, choose_shrinkage
from .detectors.precision import Precision
from .rows import CHUNK_VALUES, Rows, Table
from .scaling import Scaling

Floats = NDArray[np.float64]

ROUNDS = 10
"""Rounds of learning. The error shrinks by the share of missing information in each (Dempster and others
1977), so with a fifth missing less than a millionth is left."""

MIN_ROWS = 200
"""Samples that the rounds use, however many features there are."""


class Completed:
    """Samples x (n, d) without gaps: missing cells are drawn from what the others of the row let expect.

    Expected values alone would lack the spread that the cells had, and make every covariance too small. Each
    row is drawn with its own seed, so it does not depend on which others are read with it.
    """

    def __init__(self, x: Table, scaling: Scaling, mean: Floats, precision: Precision, seed: int) -> None:
        self._x, self._scaling, self._mean, self._precision = x, scaling, mean, precision
        self._seed = seed

    @property
    def shape(self) -> tuple[int, ...]:
        """n and d."""
        return self._x.shape

    def __getitem__(self, rows: slice | Rows, /) -> Floats:
        """Some of the rows, in increasing order."""
        part = self._x[rows]
        gaps = np.isnan(part)
        incomplete = np.flatnonzero(gaps.any(axis=1))
        if incomplete.size == 0:
            return part
        numbers = np.arange(*rows.indices(self._x.shape[0])) if isinstance(rows, slice) else rows
        z = self._scaling.standardise(part[incomplete])
        drawn = draw(z, self._mean, self._precision, self._seed, numbers[incomplete])
        completed = np.array(part)
        values = self._scaling.mean + self._scaling.std * drawn
        completed[gaps] = values[gaps[incomplete]]
        return completed


def complete(x: Table, scaling: Scaling, kept: Rows, seed: int) -> Completed:
    """Learn how the features of x (n, d) depend on each other, and return x without gaps.

    Alternates between drawing the missing cells and learning mean and covariance from the result: stochastic
    expectation maximisation (Celeux and Diebolt 1985), with the same random numbers in every round, so that
    it converges. The shrinkage is that of the detectors.
    """
    d = x.shape[1]
    informative = int(d - scaling.dropped.sum())
    some = kept[np.unique(np.linspace(0, kept.size - 1, max(MIN_ROWS, CHUNK_VALUES // d)).astype(np.int64))]
    z = scaling.standardise(x[some])
    mean = np.zeros(d)
    precision = Precision(np.zeros((d, 0)), np.zeros(0), 1.0)
    for _ in range(ROUNDS):
        filled = draw(z, mean, precision, seed, some)
        rows = filled.__getitem__
        sample = Sample(rows, rows, np.arange(some.size), d, informative, lambda: None, np.zeros(d))
        whole, outside = sample.learn()
        inside, floor = whole.shrunk(choose_shrinkage(sample, outside))
        mean, precision = whole.mean, Precision(whole.vectors, inside, floor)
    return Completed(x, scaling, mean, precision, seed)


def draw(z: Floats, mean: Floats, precision: Precision, seed: int, numbers: Rows) -> Floats:
    """Return standardised rows z (m, d) with missing cells drawn from their distribution given the others.

    A draw w of whole rows becomes one given the present cells z_o if the expectation for z_o - w_o is added
    (Matheron's conditioning; Journel and Huijbregts 1978). `numbers` (m,) seed the rows.
    """
    gaps = np.isnan(z)
    noise = np.stack(
        [np.random.default_rng([seed, int(number)]).standard_normal(z.shape[1]) for number in numbers]
    )
    inside = noise @ precision.vectors
    spread = np.sqrt(precision.inside) - np.sqrt(precision.floor)
    free = np.sqrt(precision.floor) * noise + (inside * spread) @ precision.vectors.T
    centred = z - mean
    filled: Floats = free + precision.expected(centred - free)
    return np.where(gaps, mean + filled, z)
