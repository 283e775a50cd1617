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
from ..rows import NO_ROWS, Rows, Table, row_chunks
from ..scaling import Scaling
from ..similarity import Similarity, local_width
from .distances import DistanceRange, distance_range, squared_distances
from .landmarks import choose_landmarks
from .orientation import canonical
from .projection import ReferenceMap, Target
from .quality import trustworthiness
from .start import principal_plane, random_disk

Floats = NDArray[np.float64]

MAX_DIRECT_SAMPLES, SKETCH_SAMPLES = 1000, 500
"""Larger maps start from the map of SKETCH_SAMPLES samples, which costs a sixteenth at 2,000 samples."""

MAX_DISPLACEMENT = 5e-4
"""The share of the map's radius by which a sample's projection may differ from its optimised position."""

FIT_SHARE = 0.5
"""Share of the progress that fitting the landmarks takes; placing the other samples takes the rest."""


@dataclass(frozen=True, slots=True)
class MapFit:
    """A fitted map: positions (n, 2) and its parameters. Distances are in the map's feature space."""

    coordinates: Floats
    range: DistanceRange
    similarity: Similarity
    cost_per_pair: float
    iterations: int
    trustworthiness: float


def fit_map(z: Floats, config: EngineConfig, progress: Callable[[float], None] | None = None) -> MapFit:
    """Fit the map of samples z (n, d), given in the map's feature space. It takes O(n^2) memory."""
    from .. import kernels

    distances = squared_distances(z, z)
    np.fill_diagonal(distances, 0.0)
    bounds = distance_range(distances)
    squares = bounds.normalise_squares(distances.copy())
    similarity = Similarity(config.a, local_width(squares, config.which_w1, config.w1), config.w2)
    sketch = None
    if z.shape[0] > MAX_DIRECT_SAMPLES:
        sketch = _sketched(squares, distances, similarity, config)
        start, config = sketch.positions, _refining(config, sketch.iterations)
    else:
        start = _start(squares, distances, config)
    targets = squares.copy()
    with kernels.parallel(targets.size):
        kernels.similarities(targets, similarity.a, similarity.w1, similarity.w2)
    objective = Objective(targets, similarity, progress)
    optimum = _relocated(objective, optimise(objective, start, config), squares, config)
    coordinates = np.ascontiguousarray(canonical(optimum.positions).T)
    return MapFit(
        coordinates,
        bounds,
        similarity,
        optimum.cost,
        optimum.iterations + (sketch.iterations if sketch is not None else 0),
        trustworthiness(distances, coordinates),
    )


def _relocated(objective: Objective, found: Optimum, squares: Floats, config: EngineConfig) -> Optimum:
    """Return the map after samples in a local minimum of their own have moved to their projection.

    A few samples may end up in a local minimum, away from where they would be projected. Every sample is
    placed among all others as a new one would be. Those whose placement is far from their position move
    there, and the map is optimised again. `squares` (n, n) is overwritten.
    """
    n = squares.shape[0]
    if found.iterations >= config.imax:
        return found
    placed, costs = np.empty((n, 2)), np.empty(n)
    Target(found.positions.T.copy(), objective.similarity).place(squares, placed, costs)
    moved = placed.T - found.positions
    radius = float(np.sqrt((found.positions**2).sum(axis=0).max()))
    displaced = np.sqrt((moved**2).sum(axis=0)) > MAX_DISPLACEMENT * radius
    if not displaced.any():
        return found
    rest = replace(config, optimizer="lbfgs", imax=config.imax - found.iterations)
    settled = optimise(objective, np.where(displaced, placed.T, found.positions), rest)
    better = settled if settled.cost <= found.cost else found
    return Optimum(better.positions, better.cost, found.iterations + settled.iterations)


def _start(squares: Floats, distances: Floats, config: EngineConfig) -> Floats:
    if config.mode == "random":
        return random_disk(squares.shape[0], config.param_mode, config.seed)
    return principal_plane(squares, distances, config.param_mode)


def _refining(config: EngineConfig, used: int) -> EngineConfig:
    """Return the configuration that refines a nearly optimal map, whichever optimiser came first."""
    return replace(config, optimizer="lbfgs", imax=max(1, config.imax - used))


def _sketched(squares: Floats, distances: Floats, similarity: Similarity, config: EngineConfig) -> Optimum:
    """Return a start (2, n) near the optimum: a sample of the rows is optimised, the others are placed on it.

    Few samples suffice to find the shape of the map; only its precision needs all of them.
    """
    n = squares.shape[0]
    some = np.sort(np.random.default_rng(config.seed).choice(n, size=SKETCH_SAMPLES, replace=False))
    square = np.ix_(some, some)
    some_squares = squares[square]
    start = _start(some_squares, distances[square], config)
    optimum = optimise(Objective(similarity(some_squares), similarity), start, config)
    positions, costs = np.empty((n, 2)), np.empty(n)
    # Row by row: selected columns lie the other way round, for which every loop would be compiled again.
    squares = np.ascontiguousarray(squares[:, some])
    Target(optimum.positions.T.copy(), similarity).place(squares, positions, costs)
    positions[some] = optimum.positions.T
    return Optimum(np.ascontiguousarray(positions.T), optimum.cost, optimum.iterations)


def map_samples(
    samples: Table,
    completed: Table,
    scaling: Scaling,
    config: EngineConfig,
    progress: Callable[[float], None],
    skipped: Rows = NO_ROWS,
) -> tuple[MapFit, ReferenceMap, Rows, Floats]:
    """Map samples (n, d): all of them at once, or landmarks onto which the others are then projected.

    `completed` are the same samples without gaps, as landmarks must be. The `skipped` rows are never
    landmarks; they are projected like new samples.

    Returns the fit, the references, their rows and the positions (n, 2). Besides the samples it takes
    O(landmarks^2) memory.
    """
    n, d = samples.shape
    kept = np.setdiff1d(np.arange(n), skipped)
    if kept.size <= config.landmarks:
        landmarks = kept
    else:
        landmarks = choose_landmarks(completed, scaling, config.landmarks, config.seed, skipped)
    z = scaling.apply(completed[landmarks])
    fitted = fit_map(
        z, config, progress if landmarks.size == n else lambda share: progress(FIT_SHARE * share)
    )
    reference = ReferenceMap(z, fitted.coordinates, fitted.range, fitted.similarity, scaling.importance)
    if landmarks.size == n:
        return fitted, reference, landmarks, fitted.coordinates
    coordinates = np.empty((n, 2))
    for rows in row_chunks(n, d):
        coordinates[rows] = reference.place(scaling.apply(samples[rows])).coordinates
        progress(FIT_SHARE + (1.0 - FIT_SHARE) * rows.stop / n)
    coordinates[landmarks] = fitted.coordinates
    return fitted, reference, landmarks, coordinates
