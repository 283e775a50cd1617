"""The compiled inner loop of explanations. Import inside functions: numba takes most of a second to load."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

from ..kernels import Floats, compiled


@compiled(parallel=True)
def rank_features(
    correction: Floats,
    diagonal: Floats,
    window: int,
    contrast: float,
    min_bins: int,
    features: NDArray[np.int64],
    shares: Floats,
    bands: NDArray[np.int64],
    parts: Floats,
) -> None:
    """Rank each row's features, and find its bands, by their drops `correction^2 * diagonal` (k, d).

    `features` (k, top) receives the indices of the largest drops in descending order (-1 for none), and
    `shares` their parts of the sum. A band is a run of at least `min_bins` features whose moving average over
    `window` exceeds `contrast` times the average. `bands` (k, top, 3) receives first, last and peak of each
    band, largest first, and `parts` (k, top, 2) its share and its mean correction.
    """
    k, d = correction.shape
    top = features.shape[1]
    half = window // 2
    for i in numba.prange(k):
        drop = np.empty(d)
        total = 0.0
        for j in range(d):
            drop[j] = correction[i, j] * correction[i, j] * diagonal[j]
            total += drop[j]
        features[i, :] = -1
        bands[i, :, :] = -1
        if not total > 0.0:
            continue
        scale = 1.0 / total
        count = 0
        for j in range(d):
            drop[j] *= scale
            if drop[j] > 0.0 and (count < top or drop[j] > shares[i, count - 1]):
                place = min(count, top - 1)
                while place > 0 and drop[j] > shares[i, place - 1]:
                    features[i, place] = features[i, place - 1]
                    shares[i, place] = shares[i, place - 1]
                    place -= 1
                features[i, place] = j
                shares[i, place] = drop[j]
                count = min(count + 1, top)
        if min_bins > d:
            continue
        start, around, found = -1, 0.0, 0
        for j in range(min(half, d)):
            around += drop[j]
        for j in range(d + 1):
            inside = False
            if j < d:
                if j + half < d:
                    around += drop[j + half]
                if j - half > 0:
                    around -= drop[j - half - 1]
                inside = drop[j] > 0.0 and around * d > contrast * window
            if inside and start < 0:
                start = j
            elif not inside and start >= 0:
                if j - start >= min_bins:
                    weight, mean, peak = 0.0, 0.0, start
                    for q in range(start, j):
                        weight += drop[q]
                        mean += correction[i, q]
                        if drop[q] > drop[peak]:
                            peak = q
                    if found < top or weight > parts[i, found - 1, 0]:
                        place = min(found, top - 1)
                        while place > 0 and weight > parts[i, place - 1, 0]:
                            bands[i, place] = bands[i, place - 1]
                            parts[i, place] = parts[i, place - 1]
                            place -= 1
                        bands[i, place, 0], bands[i, place, 1], bands[i, place, 2] = start, j - 1, peak
                        parts[i, place, 0], parts[i, place, 1] = weight, mean / (j - start)
                        found = min(found + 1, top)
                start = -1
