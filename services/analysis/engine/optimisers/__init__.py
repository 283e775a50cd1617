"""Optimisers of the map, by the name in `config_data.optimizer`; one file each."""

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

SETTLING_SHARE = 3
"""One iteration in three of imax is reserved for settling."""


def optimise(objective: Objective, start: Floats, config: EngineConfig) -> Optimum:
    """Run the configured optimiser from `start` (2, n), then let every sample settle into its own minimum.

    Adam circles the optimum at the size of its step and sgd creeps along flat valleys, while a projection
    finds the minimum itself: a baseline sample would be projected beside its own place. So these two stop
    when the cost changes by less than sqrt(gamma0), or when two thirds of imax are used, and L-BFGS takes it
    from there until it changes by less than gamma0.
    """
    if config.optimizer == "lbfgs":
        return lbfgs(objective, start, config)
    reserved = config.imax // SETTLING_SHARE
    first = replace(config, gamma0=config.gamma0**0.5, imax=config.imax - reserved)
    found = OPTIMISERS[config.optimizer](objective, start, first)
    if reserved == 0:
        return found
    tracker = Tracker(config.gamma0, config.imax - found.iterations, None)
    descend(objective, found.positions, tracker)
    settled = tracker.optimum()
    return Optimum(settled.positions, settled.cost, found.iterations + settled.iterations)


__all__ = ["OPTIMISERS", "Objective", "Optimiser", "Optimum", "optimise"]
