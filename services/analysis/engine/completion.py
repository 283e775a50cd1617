"""Completes the samples of a baseline of which cells are missing, for what is learnt from whole samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .detectors.covariance import Sample, choose_shrinkage
from .detectors.precision import Precision
from .rows import CHUNK_VALUES, Rows, Table
from .scaling import Scaling

Floats = NDArray[np.float64]

MAX_ROUNDS, CONVERGED = 10, 0.01
"""Rounds of learning, which end when no conditional variance changes by more than this share. The error
shrinks by the share of missing information in each (Dempster and others 1977)."""

MIN_ROWS = 200
"""Samples that the rounds use, however many features there are."""

FEW_INCOMPLETE, FEW_SHRINKAGE = 0.05, 0.01
"""If no more than this share of the samples has gaps, the others alone say what to expect, without rounds: an
expectation for so few cells needs no carefully chosen shrinkage, and a decomposition for each fold and round
of a thousand features would take ten times as long as the rest of the fit."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What the present cells of standardised rows z (m, d) tell about the missing ones (NaN)."""

    mean: Floats
    precision: Precision

    def expected(self, z: Floats) -> tuple[Floats, Floats]:
        """Return z with missing cells at their expectations, and the summed covariances (d, d) of these."""
        gaps = np.isnan(z)
        filled = np.where(gaps, self.mean + self.precision.expected(z - self.mean), z)
        return filled, self.precision.uncertainty(gaps)

    def drawn(self, z: Floats, noise: Floats) -> Floats:
        """Return z with missing cells drawn from their distribution given the others.

        A draw w of whole rows, made from standard normal `noise` (m, d), becomes one given the present cells
        z_o if the expectation for z_o - w_o is added (Matheron's conditioning; Journel and Huijbregts 1978).
        """
        precision = self.precision
        spread = np.sqrt(precision.inside) - np.sqrt(precision.floor)
        free = np.sqrt(precision.floor) * noise + (noise @ precision.vectors * spread) @ precision.vectors.T
        drawn: Floats = self.mean + free + precision.expected(z - self.mean - free)
        return np.where(np.isnan(z), drawn, z)


class Completed:
    """Samples x (n, d) without gaps: missing cells are drawn from what the others of the row let expect.

    Expected values alone would lack the spread that the cells had. Each row is drawn with its own seed, so it
    does not depend on which others are read with it.
    """

    def __init__(self, x: Table, scaling: Scaling, completion: Completion, seed: int) -> None:
        self._x, self._scaling, self._seed = x, scaling, seed
        self.completion = completion

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
        drawn = self.completion.drawn(z, _noise(self._seed, numbers[incomplete], z.shape[1]))
        completed = np.array(part)
        values = self._scaling.mean + self._scaling.std * drawn
        completed[gaps] = values[gaps[incomplete]]
        return completed


def complete(x: Table, scaling: Scaling, kept: Rows, seed: int) -> Completed:
    """Learn how the features of x (n, d) depend on each other, and return x without gaps.

    Expectation maximisation (Dempster and others 1977, for the normal distribution Little and Rubin 2002):
    alternates between the expectations of the missing cells with their covariances, and the mean and
    covariance that follow. With fewer samples than features, which have no covariance matrix, draws replace
    the expectations (Celeux and Diebolt 1985), with the same random numbers in every round, so that it
    converges. The shrinkage is that of the detectors. Where gaps are few, whole samples are learnt from once.
    """
    d = x.shape[1]
    informative = int(d - scaling.dropped.sum())
    some = kept[np.unique(np.linspace(0, kept.size - 1, max(MIN_ROWS, CHUNK_VALUES // d)).astype(np.int64))]
    z, noise = scaling.standardise(x[some]), _noise(seed, some, d)
    whole_rows = np.flatnonzero(~np.isnan(z[:, ~scaling.dropped]).any(axis=1))
    if some.size - whole_rows.size <= FEW_INCOMPLETE * some.size:
        take = z.__getitem__
        axes = Sample(take, take, whole_rows, d, informative, _nothing, np.zeros(d)).whole()
        completion = Completion(axes.mean, Precision(axes.vectors, *axes.shrunk(FEW_SHRINKAGE)))
        return Completed(x, scaling, completion, seed)
    completion = Completion(np.zeros(d), Precision(np.zeros((d, 0)), np.zeros(0), 1.0))
    for _ in range(MAX_ROUNDS):
        filled = completion.drawn(z, noise)
        sample = Sample(
            z.__getitem__, filled.__getitem__, np.arange(some.size), d, informative, _nothing, np.zeros(d),
            expected=expectations(z.__getitem__, completion),
        )  # fmt: skip
        whole, outside = sample.learn()
        inside, floor = whole.shrunk(choose_shrinkage(sample, outside))
        before = completion.precision.diagonal
        completion = Completion(whole.mean, Precision(whole.vectors, inside, floor))
        if np.allclose(completion.precision.diagonal, before, rtol=CONVERGED, atol=0.0):
            break
    return Completed(x, scaling, completion, seed)


def expectations(
    take: Callable[[Rows], Floats], completion: Completion
) -> Callable[[Rows], tuple[Floats, Floats]]:
    """Return what `Sample.expected` is for standardised rows that `take` returns."""
    return lambda rows: completion.expected(take(rows))


def _noise(seed: int, numbers: Rows, d: int) -> Floats:
    """Return standard normal numbers (m, d) of rows with these `numbers` (m,)."""
    return np.stack([np.random.default_rng([seed, int(row)]).standard_normal(d) for row in numbers])


def _nothing() -> None:
    """Nobody waits for a checkpoint."""
