"""How far baseline samples are from the nearest reference of another block."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..rows import Rows, Table
from ..scaling import Scaling
from .projection import CHUNK_DISTANCES, ReferenceMap, reference_squares

Floats = NDArray[np.float64]


def held_out_nearest(
    samples: Table, scaling: Scaling, reference: ReferenceMap, landmarks: Rows, blocks: Sequence[Rows]
) -> Floats:
    """Return the distances (n,) of samples (n, d) to the nearest reference outside their block.

    `landmarks` (r,) are the rows of the references. Samples of the same block resemble each other because
    they follow each other, while new samples come later.
    """
    nearest = np.empty(samples.shape[0])
    step = max(1, CHUNK_DISTANCES // max(landmarks.size, samples.shape[1]))
    for block in blocks:
        outside = reference.features[(landmarks < block[0]) | (landmarks > block[-1])]
        for first in range(0, block.size, step):
            rows = block[first : first + step]
            z = scaling.apply(samples[rows[0] : rows[-1] + 1])
            squares = reference_squares(z, outside, reference.importance)
            nearest[rows] = np.sqrt(squares.min(axis=1))
    return nearest
