"""Optimisers of the map by their names in `config_data.optimizer`, one file each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ..config import EngineConfig
from .adam import adam
from .lbfgs import descend, lbfgs
from .objective import Floats, Objective, Optimum, Tracker
from .sgd import sgd

Optimiser = Callable[[Objective, Floats, EngineConfig], Optimum]

OPTIMISERS: dict[str, Optimiser] = {"adam": adam, "sgd": sgd, "lbfgs": lbfgs}

REFINING_PART = 3
"""One in three iterations of imax is reserved for refining."""


def optimise(objective: Objective, start: Floats, config: EngineConfig) -> Optimum:
    """Run the configured optimiser from `start` (2, n), then refine the optimum with L-BFGS.

    Adam circles the optimum at a distance of its step size, and sgd crawls along flat valleys. A projection
    finds the minimum itself, so a baseline sample would be projected beside its own position. These two
    optimisers therefore stop when the cost changes by less than sqrt(gamma0), or after two thirds of imax.
    L-BFGS then continues until it changes by less than gamma0.
    """
    if config.optimizer == "lbfgs":
        return lbfgs(objective, start, config)
    reserved = config.imax // REFINING_PART
    first = replace(config, gamma0=config.gamma0**0.5, imax=config.imax - reserved)
    found = OPTIMISERS[config.optimizer](objective, start, first)
    if reserved == 0:
        return found
    tracker = Tracker(config.gamma0, config.imax - found.iterations, None)
    descend(objective, found.positions, tracker)
    refined = tracker.optimum()
    return Optimum(refined.positions, refined.cost, found.iterations + refined.iterations)


__all__ = ["OPTIMISERS", "Objective", "Optimiser", "Optimum", "optimise"]
