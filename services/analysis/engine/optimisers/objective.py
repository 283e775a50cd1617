"""The cost of a map and what all optimisers share: when to stop, and which positions to keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..map.similarity import Similarity

Floats = NDArray[np.float64]

PATIENCE = 10
"""Iterations in a row whose relative change of the cost is below gamma0 before an optimiser stops: adam and
momentum cross flat stretches, and one quiet iteration proves nothing."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """Best positions (2, n) seen, their cost per pair, and the iterations run."""

    positions: Floats
    cost: float
    iterations: int


class Objective:
    """E(P) per pair with its gradient, for target similarities (n, n).

    See docs/engine.md, "The map of normal", step 4.

    The gradient is that of E / n, so that its size, and with it the meaning of a step, does not depend on
    how many samples there are.
    """

    def __init__(
        self, target: Floats, similarity: Similarity, progress: Callable[[float], None] | None = None
    ) -> None:
        self.target = target
        self.similarity = similarity
        self.progress = progress
        n = target.shape[0]
        self.pairs = n * (n - 1) / 2
        self.gradient_scale = n / self.pairs
        """Turns a gradient of E / n into one of the returned cost, E per pair."""
        self._sums: Floats | None = None

    def __call__(self, positions: Floats) -> tuple[float, Floats]:
        """Cost per pair and gradient (2, n) at positions (2, n)."""
        from ..map import kernels

        n = positions.shape[1]
        if self._sums is None:
            self._sums = np.empty((kernels.STRIPES, 3, n))
        s = self.similarity
        with kernels.parallel(self.target.size):
            kernels.cost_gradient(positions, self.target, s.a, s.w1, s.w2, self._sums)
        sums = self._sums.sum(axis=0)
        return float(sums[2].sum()) / self.pairs, sums[:2] / n


class Tracker:
    """Keeps the best positions of a run and says when it is settled."""

    def __init__(self, gamma0: float, imax: int, progress: Callable[[float], None] | None) -> None:
        self.gamma0 = gamma0
        self.imax = imax
        self.progress = progress
        self.best_cost = np.inf
        self.best: Floats | None = None
        self.iterations = 0
        self._last = np.inf
        self._quiet = 0

    def settled(self, positions: Floats, cost: float, *, moved: bool = True) -> bool:
        """Record one iteration; True when the cost has been quiet for PATIENCE iterations or is zero.

        An iteration that was taken back (`moved` false) tells nothing about the cost's change.
        """
        self.iterations += 1
        if self.best is None or cost < self.best_cost:
            self.best_cost = cost
            self.best = positions.copy()
        if moved:
            quiet = abs(self._last - cost) < self.gamma0 * cost
            self._quiet = self._quiet + 1 if quiet else 0
        self._last = cost
        if self.progress is not None:
            self.progress(min(1.0, self.iterations / self.imax))
        return cost == 0.0 or self._quiet >= PATIENCE

    def optimum(self) -> Optimum:
        """The best of what was recorded."""
        if self.best is None:
            raise RuntimeError("an optimiser stopped before its first iteration")
        return Optimum(self.best, float(self.best_cost), self.iterations)
