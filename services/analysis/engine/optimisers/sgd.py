"""Gradient descent with momentum `eta`; the step size `alpha` shrinks by `beta` when the cost rises."""

from __future__ import annotations

import numpy as np

from ..config import EngineConfig
from .objective import Floats, Objective, Optimum, Tracker


def sgd(objective: Objective, start: Floats, config: EngineConfig) -> Optimum:
    """Minimise from `start` (2, n) over all pairs at once, which are few enough not to be sampled.

    When the cost rises, the iteration is undone, the momentum reset and the step shortened (Polyak 1964, with
    backtracking), so that any `alpha` converges.
    """
    tracker = Tracker(config.gamma0, config.imax, objective.progress)
    positions = start.copy()
    step = config.alpha
    cost, gradient = objective(positions)
    velocity = np.zeros_like(positions)
    moved = True
    while not tracker.converged(positions, cost, moved=moved) and tracker.iterations < config.imax:
        velocity = config.eta * velocity - step * gradient
        trial = positions + velocity
        trial_cost, trial_gradient = objective(trial)
        moved = trial_cost <= cost
        if moved:
            positions, cost, gradient = trial, trial_cost, trial_gradient
        else:
            velocity = np.zeros_like(positions)
            step *= config.beta
    return tracker.optimum()
