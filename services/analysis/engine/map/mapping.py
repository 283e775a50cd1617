"""The baseline map: distances, similarity, start, optimisation, orientation.

See docs/engine.md, "The map of normal".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..config import EngineConfig
from ..optimisers import Objective, Optimum, optimise
from .distances import DistanceRange, distance_range, squared_distances
from .landmarks import choose_landmarks
from .orientation import canonical
from .projection import ReferenceMap, Target
from .quality import trustworthiness
from .scaling import Scaling, row_chunks
from .similarity import Similarity, local_width
from .start import principal_plane, random_disk

Floats = NDArray[np.float64]

MOST_AT_ONCE, SKETCH = 1000, 500
"""Larger maps start from that of so many samples, which costs a sixteenth at 2,000."""

AT_HOME = 5e-4
"""Share of the map's radius by which a sample may be projected beside its own place."""

FIT_SHARE = 0.5
"""Part of the progress when landmarks are optimised and the rest is to be placed."""


@dataclass(frozen=True, slots=True)
class MapFit:
    """A fitted map: positions (n, 2) and what describes it; distances are in the map's feature space."""

    coordinates: Floats
    range: DistanceRange
    similarity: Similarity
    cost_per_pair: float
    iterations: int
    trustworthiness: float


def fit_map(z: Floats, config: EngineConfig, progress: Callable[[float], None] | None = None) -> MapFit:
    """Fit the map of samples z (n, d), given in the map's feature space; memory is O(n^2)."""
    from . import kernels

    distances = squared_distances(z, z)
    np.fill_diagonal(distances, 0.0)
    bounds = distance_range(distances)
    squares = bounds.normalise_squares(distances.copy())
    similarity = Similarity(config.a, local_width(squares, config.which_w1, config.w1), config.w2)
    sketch = None
    if z.shape[0] > MOST_AT_ONCE:
        sketch = _sketched(squares, distances, similarity, config)
        start, config = sketch.positions, _settling(config, sketch.iterations)
    else:
        start = _start(squares, distances, config)
    targets = squares.copy()
    with kernels.parallel(targets.size):
        kernels.similarities(targets, similarity.a, similarity.w1, similarity.w2)
    objective = Objective(targets, similarity, progress)
    optimum = _at_home(objective, optimise(objective, start, config), squares, config)
    coordinates = np.ascontiguousarray(canonical(optimum.positions).T)
    return MapFit(
        coordinates,
        bounds,
        similarity,
        optimum.cost,
        optimum.iterations + (sketch.iterations if sketch is not None else 0),
        trustworthiness(distances, coordinates),
    )


def _at_home(objective: Objective, found: Optimum, squares: Floats, config: EngineConfig) -> Optimum:
    """The map after samples that were left in a wrong place have moved to their own.

    A few samples may rest in a fold of the cost that the others have long closed, and would be projected
    beside their own place. Each is placed among all as a new sample would be; where that is far from where it
    rests, it moves, and the map settles again. `squares` (n, n) is overwritten.
    """
    n = squares.shape[0]
    if found.iterations >= config.imax:
        return found
    places, costs = np.empty((n, 2)), np.empty(n)
    Target(found.positions.T.copy(), objective.similarity).place(squares, places, costs)
    moved = places.T - found.positions
    radius = float(np.sqrt((found.positions**2).sum(axis=0).max()))
    lost = np.sqrt((moved**2).sum(axis=0)) > AT_HOME * radius
    if not lost.any():
        return found
    rest = replace(config, optimizer="lbfgs", imax=config.imax - found.iterations)
    settled = optimise(objective, np.where(lost, places.T, found.positions), rest)
    better = settled if settled.cost <= found.cost else found
    return Optimum(better.positions, better.cost, found.iterations + settled.iterations)


def _start(squares: Floats, distances: Floats, config: EngineConfig) -> Floats:
    if config.mode == "random":
        return random_disk(squares.shape[0], config.param_mode, config.seed)
    return principal_plane(squares, distances, config.param_mode)


def _settling(config: EngineConfig, used: int) -> EngineConfig:
    """How a map that is nearly right is finished, whatever led there."""
    return replace(config, optimizer="lbfgs", imax=max(1, config.imax - used))


def _sketched(squares: Floats, distances: Floats, similarity: Similarity, config: EngineConfig) -> Optimum:
    """A start (2, n) near the optimum: some samples by the configured optimiser, the others placed on them.

    The way from the start to the shape of the map needs few samples; only its digits need all.
    """
    n = squares.shape[0]
    some = np.sort(np.random.default_rng(config.seed).choice(n, size=SKETCH, replace=False))
    square = np.ix_(some, some)
    among = squares[square]
    start = _start(among, distances[square], config)
    optimum = optimise(Objective(similarity(among), similarity), start, config)
    positions, costs = np.empty((n, 2)), np.empty(n)
    Target(optimum.positions.T.copy(), similarity).place(squares[:, some], positions, costs)
    positions[some] = optimum.positions.T
    return Optimum(np.ascontiguousarray(positions.T), optimum.cost, optimum.iterations)


def map_samples(
    samples: Floats, scaling: Scaling, config: EngineConfig, progress: Callable[[float], None]
) -> tuple[MapFit, ReferenceMap, Floats]:
    """Map samples (n, d): all at once, or landmarks on which the others are then placed one by one.

    Returns the fit, the references and the positions (n, 2). Memory beside the samples is O(landmarks^2).
    """
    n, d = samples.shape
    if n <= config.landmarks:
        z = scaling.apply(samples)
        fitted = fit_map(z, config, progress)
        return (
            fitted,
            ReferenceMap(z, fitted.coordinates, fitted.range, fitted.similarity),
            fitted.coordinates,
        )
    landmarks = choose_landmarks(samples, scaling, config.landmarks, config.seed)
    z = scaling.apply(samples[landmarks])
    fitted = fit_map(z, config, lambda share: progress(FIT_SHARE * share))
    reference = ReferenceMap(z, fitted.coordinates, fitted.range, fitted.similarity)
    coordinates = np.empty((n, 2))
    for rows in row_chunks(n, d):
        coordinates[rows] = reference.place(scaling.apply(samples[rows])).coordinates
        progress(FIT_SHARE + (1.0 - FIT_SHARE) * rows.stop / n)
    coordinates[landmarks] = fitted.coordinates
    return fitted, reference, coordinates
