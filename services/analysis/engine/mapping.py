"""The baseline map: distances, similarity, start, optimisation, orientation (algorithm.md, section 2)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .config import EngineConfig
from .distances import DistanceRange, distance_range, squared_distances
from .landmarks import choose_landmarks
from .optimisers import Objective, optimise
from .orientation import canonical
from .projection import ReferenceMap
from .quality import trustworthiness
from .scaling import Scaling, row_chunks
from .similarity import Similarity, local_width
from .start import principal_plane, random_disk

Floats = NDArray[np.float64]

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
    if config.mode == "random":
        start = random_disk(z.shape[0], config.param_mode, config.seed)
    else:
        start = principal_plane(squares, distances, config.param_mode)
    with kernels.parallel(squares.size):
        kernels.similarities(squares, similarity.a, similarity.w1, similarity.w2)
    objective = Objective(squares, similarity, progress)
    optimum = optimise(objective, start, config)
    coordinates = np.ascontiguousarray(canonical(optimum.positions).T)
    return MapFit(
        coordinates,
        bounds,
        similarity,
        optimum.cost,
        optimum.iterations,
        trustworthiness(distances, coordinates),
    )


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
