"""Adam (Kingma and Ba 2015) with the parameters alpha, beta1, beta2 and epsilon."""

from __future__ import annotations

import numpy as np

from ..config import EngineConfig
from .objective import Floats, Objective, Optimum, Tracker


def adam(objective: Objective, start: Floats, config: EngineConfig) -> Optimum:
    """Minimise from `start` (2, n) with step size `alpha`, and return the best positions.

    `gamma0` in docs/engine.md, "Parameters", describes when it stops.
    """
    tracker = Tracker(config.gamma0, config.imax, objective.progress)
    positions = start.copy()
    first = np.zeros_like(positions)
    second = np.zeros_like(positions)
    for step in range(1, config.imax + 1):
        cost, gradient = objective(positions)
        if tracker.converged(positions, cost):
            break
        first += (1.0 - config.beta1) * (gradient - first)
        second += (1.0 - config.beta2) * (gradient**2 - second)
        scale = config.alpha / (1.0 - config.beta1**step)
        positions -= scale * first / (np.sqrt(second / (1.0 - config.beta2**step)) + config.epsilon)
    return tracker.optimum()
