"""The cost of a map, and what all optimisers share: when to stop, and which positions to return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..similarity import Similarity

Floats = NDArray[np.float64]

PATIENCE = 10
"""Consecutive iterations with a relative change of the cost below gamma0 after which an optimiser stops. Adam
and momentum cross plateaus, so a single such iteration proves nothing."""


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best positions (2, n) found, their cost per pair, and the number of iterations."""

    positions: Floats
    cost: float
    iterations: int


class Objective:
    """The cost E(P) per pair with its gradient, for target similarities (n, n).

    See docs/engine.md, "The map of normal", step 4.

    The gradient is that of E / n, so that its size, and hence the meaning of a step size, does not depend on
    the number of samples.
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
        """Converts the gradient of E / n into that of the returned cost, E per pair."""
        self._sums: Floats | None = None

    def __call__(self, positions: Floats) -> tuple[float, Floats]:
        """Return the cost per pair and the gradient (2, n) at positions (2, n)."""
        from .. import kernels

        n = positions.shape[1]
        if self._sums is None:
            self._sums = np.empty((kernels.STRIPES, 3, n))
        s = self.similarity
        with kernels.parallel(self.target.size):
            kernels.cost_gradient(positions, self.target, s.a, s.w1, s.w2, self._sums)
        sums = self._sums.sum(axis=0)
        return float(sums[2].sum()) / self.pairs, sums[:2] / n


class Tracker:
    """Keeps the best positions of a run, and detects when it has converged."""

    def __init__(self, gamma0: float, imax: int, progress: Callable[[float], None] | None) -> None:
        self.gamma0 = gamma0
        self.imax = imax
        self.progress = progress
        self.best_cost = np.inf
        self.best: Floats | None = None
        self.iterations = 0
        self._last = np.inf
        self._stable = 0

    def converged(self, positions: Floats, cost: float, *, moved: bool = True) -> bool:
        """Record an iteration, and tell whether the cost has been stable for PATIENCE iterations, or is zero.

        An iteration that was undone (`moved` is false) says nothing about the change of the cost.
        """
        self.iterations += 1
        if self.best is None or cost < self.best_cost:
            self.best_cost = cost
            self.best = positions.copy()
        if moved:
            stable = abs(self._last - cost) < self.gamma0 * cost
            self._stable = self._stable + 1 if stable else 0
        self._last = cost
        if self.progress is not None:
            self.progress(min(1.0, self.iterations / self.imax))
        return cost == 0.0 or self._stable >= PATIENCE

    def optimum(self) -> Optimum:
        """Return the best recorded positions."""
        if self.best is None:
            raise RuntimeError("an optimiser stopped before its first iteration")
        return Optimum(self.best, float(self.best_cost), self.iterations)
