"""Finds the features that explain samples' deviations together, in matrix terms.

With the deviation z and the precision matrix P, the squared distance z' P z without the features S is
`z' P z - (Pz)_S' (P_SS)^-1 (Pz)_S`: S is treated as missing, and only the others are judged. See
docs/engine.md, "Detection".
"""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from ..detectors import FeatureMahalanobis

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Indices = NDArray[np.int64]

CHANCE = 0.05
"""A feature is named if its conditional residual is one that the largest of a healthy sample reaches in fewer
than one sample in twenty."""

DETERMINED = 1e-12
"""Once this share of a feature's conditional precision is left, those left out determine it up to rounding
errors."""

ROUNDING = 1e-24
"""Drops below this share of the squared distance are rounding errors of the largest deviation."""

SEARCHED_BEYOND = 3
"""The search goes this many features further than it names, and than residuals are beyond chance: with
several faults, the first choices may be wrong, and only later ones show it."""

STARTS, MIN_SEVERAL = 3, 3
"""Samples explained by this many features or more are explained again from the second and third best first
choices: a healthy feature that several faulty ones pull alike may look worst of all."""

BATCH = 32
"""Samples explained at once: their arrays stay in a core's cache."""


@dataclass(frozen=True, slots=True)
class Attribution:
    """The features that explain k samples; arrays have the shape (k, top).

    `features` are indices, the strongest first, -1 for none. `corrections` are their observed minus their
    expected values, in standardised units; the squared distance falls by `drops` in total.
    """

    features: Indices
    corrections: Floats
    drops: Floats

    def of(self, rows: Indices | Flags) -> Attribution:
        """The attribution of some samples."""
        return Attribution(self.features[rows], self.corrections[rows], self.drops[rows])

    def replace(self, rows: Indices, other: Attribution) -> None:
        """Write what explains some samples, in place."""
        self.features[rows] = other.features
        self.corrections[rows] = other.corrections
        self.drops[rows] = other.drops


def least_residual(features: int) -> float:
    """The conditional residual that the largest of healthy features exceeds by CHANCE (Bonferroni 1936)."""
    return NormalDist().inv_cdf(1.0 - CHANCE / (2.0 * max(1, features)))


def without_missing(space: FeatureMahalanobis, pull: Floats, missing: Flags) -> tuple[Floats, Floats, Floats]:
    """Return P z, the diagonal of P (d,) and extended Cholesky factors (q, d) without q missing features.

    `pull` (k, d) is P z with any values in the place of the `missing` (d,) features. The row of P without
    them is `P_j - factors_j' factors`.
    """
    places = np.flatnonzero(missing)
    if places.size == 0:
        return pull, space.precision_diagonal, np.empty((0, pull.shape[1]))
    rows = space.precision_rows(places)
    lower = np.linalg.cholesky(rows[:, places])
    factors = np.linalg.solve(lower, rows)
    pull = pull - np.linalg.solve(lower, pull[:, places].T).T @ factors
    left = space.precision_diagonal - np.einsum("ij,ij->j", factors, factors)
    pull[:, missing], left[missing] = 0.0, 0.0
    return pull, left, factors


def attribute(
    space: FeatureMahalanobis,
    pull: Floats,
    left: Floats,
    given: Floats,
    squares: Floats,
    candidates: Flags,
    top: int,
) -> Attribution:
    """Find at most `top` of the `candidates` (d,) that explain samples with P z = `pull` (k, d) together.

    The feature without which the squared distance is smallest comes first, then the next, given that the
    first is left out, and so on (forward selection, with the drops of orthogonal least squares: Chen,
    Billings and Luo 1989). Then the features that later ones made superfluous are put back (backward
    elimination; both together Zhang 2011). Of several starts, the one counts that explains most at a price of
    the limit of chance per feature (Foster and George 1994). `left`, `given`: see `without_missing`;
    `squares` (k,) are the squared distances.
    """
    k, count = pull.shape[0], int(candidates.sum())
    steps = min(top + SEARCHED_BEYOND, count)
    top = min(top, steps)
    found = Attribution(np.full((k, top), -1, dtype=np.int64), np.zeros((k, top)), np.zeros((k, top)))
    search = _Search(space, np.where(candidates, left, 0.0), given, least_residual(count) ** 2, steps, top)
    for start in range(0, k if top else 0, BATCH):
        rows = np.arange(start, min(k, start + BATCH))
        barred: Indices = np.empty((rows.size, 0), dtype=np.int64)
        for number in range(min(STARTS, count)):
            first, other = search.run(pull[rows], squares[rows], barred)
            better = (
                search.worth(other) > search.worth(found.of(rows)) if number else np.ones(rows.size, bool)
            )
            found.replace(rows[better], other.of(better))
            several = (found.features[rows] >= 0).sum(axis=1) >= MIN_SEVERAL
            barred = np.column_stack([barred, first])[several]
            rows = rows[several]
            if rows.size == 0:
                break
    return found


@dataclass(frozen=True, slots=True)
class _Search:
    """Searches for the features to leave out; `left` (d,) is 0 for those that must not be chosen."""

    space: FeatureMahalanobis
    left: Floats
    given: Floats
    limit: float
    steps: int
    top: int

    def run(self, pull: Floats, squares: Floats, barred: Indices) -> tuple[Indices, Attribution]:
        """Return the first choices (k,), none of the `barred` ones (k, b), and what they lead to."""
        from . import ranking  # imported here because numba takes most of a second to load

        k, d = pull.shape
        pull, least = pull.copy(), DETERMINED * self.left
        left = np.tile(self.left, (k, 1))
        chosen = np.full((k, self.steps), -1, dtype=np.int64)
        factors, parts = np.empty((k, self.steps, d)), np.zeros((k, self.steps))
        noise, misses = ROUNDING * squares, np.zeros(k, dtype=np.int64)
        rows, places = np.zeros((k, d)), np.empty(k, dtype=np.int64)
        np.put_along_axis(left, barred, 0.0, axis=1)
        for step in range(self.steps):
            ranking.strongest(pull, left, noise, self.limit, SEARCHED_BEYOND, misses, places)
            chosen[:, step] = places
            found = np.flatnonzero(places >= 0)
            if found.size == 0:
                break
            if step == 0:
                np.put_along_axis(left, barred, self.left[barred], axis=1)
            unique, place = np.unique(places[found], return_inverse=True)
            distinct = self.space.precision_rows(unique)
            if self.given.size:
                distinct = distinct - self.given[:, unique].T @ self.given
            rows[found] = distinct[place]
            ranking.leave_out(rows, places, step, least, factors, parts, pull, left)
        result = Attribution(
            np.empty((k, self.top), np.int64), np.zeros((k, self.top)), np.zeros((k, self.top))
        )
        ranking.settle(chosen, factors, parts, self.limit, result.features, result.corrections, result.drops)
        return chosen[:, 0], result

    def worth(self, found: Attribution) -> Floats:
        """What explanations (k,) explain, less a price per feature."""
        worth: Floats = found.drops.sum(axis=1) - self.limit * (found.features >= 0).sum(axis=1)
        return worth
