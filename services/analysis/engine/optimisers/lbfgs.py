"""L-BFGS (Liu and Nocedal 1989) with a backtracking line search."""

from __future__ import annotations

from collections import deque

from ..config import EngineConfig
from .objective import Floats, Objective, Optimum, Tracker

# SciPy's L-BFGS-B is 15 times slower on 219 samples: to handle bounds, which this problem does not have, it
# calls threaded LAPACK on ten-by-ten matrices, which competes for the cores with the threads of the cost.

MEMORY = 10
"""Correction pairs; more of them did not reduce the number of evaluations on the reference data."""

ARMIJO = 1e-4
MIN_STEP = 2.0**-30
"""Armijo's share of the predicted decrease, and the step size at which a direction is abandoned."""


def lbfgs(objective: Objective, start: Floats, config: EngineConfig) -> Optimum:
    """Minimise from `start` (2, n); `gamma0` and `imax` stop it like the others, `alpha` has no effect."""
    tracker = Tracker(config.gamma0, config.imax, objective.progress)
    descend(objective, start, tracker)
    return tracker.optimum()


def descend(objective: Objective, start: Floats, tracker: Tracker) -> None:
    """Run L-BFGS from `start` (2, n) until it converges, reaches imax or cannot lower the cost."""
    positions, pairs = start.copy(), deque[tuple[Floats, Floats]](maxlen=MEMORY)
    cost, gradient = objective(positions)
    while not tracker.converged(positions, cost) and tracker.iterations < tracker.imax:
        direction = _direction(gradient, pairs)
        slope = float((direction * gradient).sum()) * objective.gradient_scale
        if slope >= 0.0:
            break
        step = 1.0
        while step > MIN_STEP:
            trial = positions + step * direction
            trial_cost, trial_gradient = objective(trial)
            if trial_cost <= cost + ARMIJO * step * slope:
                break
            step *= 0.5
        else:
            if not pairs:
                break
            pairs.clear()  # the curvature has changed: try steepest descent from here before stopping
            continue
        change = trial_gradient - gradient
        if float((change * direction).sum()) > 0.0:
            pairs.append((trial - positions, change))
        positions, cost, gradient = trial, trial_cost, trial_gradient


def _direction(gradient: Floats, pairs: deque[tuple[Floats, Floats]]) -> Floats:
    """Return minus the approximate inverse Hessian times the gradient, by the two-loop recursion."""
    q = -gradient
    weights = []
    for moved, change in reversed(pairs):
        rho = 1.0 / float((moved * change).sum())
        weight = rho * float((moved * q).sum())
        q = q - weight * change
        weights.append((rho, weight))
    if pairs:
        moved, change = pairs[-1]
        q = q * (float((moved * change).sum()) / float((change * change).sum()))
    for (moved, change), (rho, weight) in zip(pairs, reversed(weights), strict=True):
        q = q + moved * (weight - rho * float((change * q).sum()))
    return q
