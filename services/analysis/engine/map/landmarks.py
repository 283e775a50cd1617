"""Landmarks: the samples of a large baseline that the optimiser maps; the others are projected onto them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..rows import NO_ROWS, Rows, Table, row_chunks
from ..scaling import Scaling
from .distances import squared_distances

Floats = NDArray[np.float64]

SKETCH_DIMENSIONS = 16
SKETCH_ROWS = 1000
"""Coverage is measured in the leading principal directions of a thousand samples: a plane shows nothing else,
and a pass costs n x 16 instead of n x d."""

ROUNDS = 5
"""Rounds of weighted draws; five suffice according to k-means|| (Bahmani and others 2012)."""


def choose_landmarks(x: Table, scaling: Scaling, count: int, seed: int, skipped: Rows = NO_ROWS) -> Rows:
    """Return the sorted indices (count,) of landmarks among samples x (n, d) that are not `skipped`.

    There must be more than `count` such samples.

    Half of them are drawn uniformly, which preserves the density. The other half are drawn with probabilities
    proportional to the squared distance to those already drawn, which covers the edges and small groups.
    """
    generator = np.random.default_rng(seed)
    kept = np.setdiff1d(np.arange(x.shape[0]), skipped)
    sketch = _sketch(x, scaling, kept, generator)
    n = sketch.shape[0]
    chosen = generator.choice(kept, size=count - count // 2, replace=False)
    nearest = np.full(n, np.inf)
    _approach(nearest, sketch, sketch[chosen])
    missing = count - chosen.size
    for left in range(ROUNDS, 0, -1):
        draws = missing // left
        weight = nearest.copy()
        weight[chosen] = weight[skipped] = 0.0
        fresh = _draw(weight, draws, np.setdiff1d(kept, chosen), generator)
        _approach(nearest, sketch, sketch[fresh])
        chosen = np.concatenate([chosen, fresh])
        missing -= draws
    return np.sort(chosen)


def _draw(weight: Floats, draws: int, free: Rows, generator: np.random.Generator) -> Rows:
    """Draw further indices by weight, or uniformly from `free` if too few samples have a weight."""
    if np.count_nonzero(weight) >= draws:
        return generator.choice(weight.size, size=draws, replace=False, p=weight / weight.sum())
    return generator.choice(free, size=draws, replace=False)


def _approach(nearest: Floats, sketch: Floats, fresh: Floats) -> None:
    """Update each sample's squared distance to the nearest landmark after `fresh` ones were drawn."""
    for rows in row_chunks(sketch.shape[0], fresh.shape[0]):
        np.minimum(nearest[rows], squared_distances(sketch[rows], fresh).min(axis=1), out=nearest[rows])


def _sketch(x: Table, scaling: Scaling, kept: Rows, generator: np.random.Generator) -> Floats:
    """Project the samples (n, k) onto the leading principal directions of some of the `kept` ones."""
    n, d = x.shape
    some = scaling.apply(x[np.sort(generator.choice(kept, size=min(kept.size, SKETCH_ROWS), replace=False))])
    some -= some.mean(axis=0)
    _, vectors = np.linalg.eigh(some @ some.T)
    directions, _ = np.linalg.qr(some.T @ vectors[:, -SKETCH_DIMENSIONS:])
    sketch = np.empty((n, directions.shape[1]))
    for rows in row_chunks(n, d):
        sketch[rows] = scaling.apply(x[rows]) @ directions
    return sketch
