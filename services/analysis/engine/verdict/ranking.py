"""The compiled inner loops of explanations. Import inside functions: numba takes most of a second to load."""

from __future__ import annotations

import math

import numba
import numpy as np
from numpy.typing import NDArray

from ..kernels import Floats, compiled

Indices = NDArray[np.int64]


@compiled(parallel=False)
def strongest(
    pull: Floats, left: Floats, noise: Floats, limit: float, patience: int, misses: Indices, chosen: Indices
) -> None:
    """Find the feature of each row without which the squared distance is smallest.

    `pull` (k, d) is P z and `left` (k, d) the diagonal of P, both without the features left out so far;
    `left` is 0 where a feature cannot be chosen. `chosen` (k,) receives the feature, or -1 if the squared
    distance falls by no more than `noise` (k,), or by less than `limit` more than `patience` times, which
    `misses` (k,) counts.
    """
    k, d = pull.shape
    drop = np.empty(d)
    for i in range(k):
        if misses[i] > patience:
            chosen[i] = -1
            continue
        for j in range(d):  # one loop for each step, which the compiler vectorises
            known = left[i, j] > 0.0
            drop[j] = pull[i, j] * pull[i, j] / (left[i, j] if known else 1.0) if known else 0.0
        best = 0.0
        for j in range(d):
            best = max(best, drop[j])
        misses[i] += best < limit
        if best <= noise[i] or misses[i] > patience:
            misses[i] = patience + 1
            chosen[i] = -1
            continue
        place = 0
        while drop[place] < best:
            place += 1
        chosen[i] = place


@compiled(parallel=False)
def leave_out(
    rows: Floats,
    chosen: Indices,
    step: int,
    least: Floats,
    factors: Floats,
    parts: Floats,
    pull: Floats,
    left: Floats,
) -> None:
    """Leave the `chosen` feature (k,; -1: none) out of each row's squared distance: a step of Cholesky.

    `rows` (k, d) are the chosen features' rows of P. `factors` (k, steps, d) holds the columns of the
    Cholesky factor of P over the features left out so far, extended to all features, and `parts` (k, steps)
    the solution of its triangular system with P z; both receive entry `step`. What is left of P_jj is 0 once
    it is below `least` (d,): the features left out determine feature j up to rounding errors.
    """
    k, d = rows.shape
    for i in range(k):
        j = chosen[i]
        if j < 0:
            continue
        factor = factors[i, step]
        factor[:] = rows[i]
        for s in range(step):
            before = factors[i, s]
            weight = before[j]
            for q in range(d):
                factor[q] -= weight * before[q]
        scale = 1.0 / math.sqrt(left[i, j])
        part = pull[i, j] * scale
        parts[i, step] = part
        for q in range(d):
            factor[q] *= scale
            pull[i, q] -= part * factor[q]
            rest = left[i, q] - factor[q] * factor[q]
            left[i, q] = rest if rest > least[q] else 0.0
        left[i, j] = 0.0


@compiled(parallel=False)
def settle(
    chosen: Indices,
    factors: Floats,
    parts: Floats,
    limit: float,
    features: Indices,
    corrections: Floats,
    drops: Floats,
) -> None:
    """Put features that others made superfluous back, one by one; rank those that stay left out.

    With c = (P_SS)^-1 (Pz)_S, the squared distance would rise by c_j^2 / ((P_SS)^-1)_jj if only feature j of
    those left out, S, were put back. The one of the least rise is put back while that is below `limit` or
    there are more than `top`, but never the last one. `chosen` (k, steps), `factors` and `parts` come from
    `leave_out`. `features`, `corrections` and `drops` (k, top) receive those that stay, largest rise first
    (-1 for none), their c, and the joint drop divided in proportion to the rises.
    """
    k, steps = chosen.shape
    top = features.shape[1]
    for i in range(k):
        count = 0
        while count < steps and chosen[i, count] >= 0:
            count += 1
        # The inverse of the triangular factor L of P_SS = L L', and from it (P_SS)^-1 and c.
        solved = np.zeros((count, count))
        for p in range(count):
            solved[p, p] = 1.0 / factors[i, p, chosen[i, p]]
            for q in range(p):
                total = 0.0
                for s in range(q, p):
                    total += factors[i, s, chosen[i, p]] * solved[s, q]
                solved[p, q] = -total * solved[p, p]
        inverse, c, joint = np.zeros((count, count)), np.zeros(count), 0.0
        for p in range(count):
            joint += parts[i, p] * parts[i, p]
            for s in range(p, count):
                c[p] += solved[s, p] * parts[i, s]
            for q in range(count):
                for s in range(max(p, q), count):
                    inverse[p, q] += solved[s, p] * solved[s, q]
        stays = np.ones(count, dtype=np.bool_)
        rises = np.zeros(count)
        kept = count
        while True:
            weakest = -1
            for p in range(count):
                if stays[p]:
                    rises[p] = c[p] * c[p] / inverse[p, p]
                    if weakest < 0 or rises[p] < rises[weakest]:
                        weakest = p
            if kept <= 1 or (kept <= top and rises[weakest] >= limit):
                break
            stays[weakest] = False
            kept -= 1
            joint -= rises[weakest]
            column = inverse[:, weakest].copy() / inverse[weakest, weakest]
            for p in range(count):
                weight = inverse[weakest, p]
                c[p] -= column[p] * c[weakest] if p != weakest else 0.0
                for q in range(count):
                    if q != weakest:
                        inverse[q, p] -= column[q] * weight
        total = 0.0
        for p in range(count):
            total += rises[p] if stays[p] else 0.0
        features[i, :] = -1
        for place in range(kept if total > 0.0 else 0):
            largest = -1
            for p in range(count):
                if stays[p] and (largest < 0 or rises[p] > rises[largest]):
                    largest = p
            stays[largest] = False
            features[i, place] = chosen[i, largest]
            corrections[i, place] = c[largest]
            drops[i, place] = max(joint, 0.0) * rises[largest] / total


@compiled(parallel=True)
def find_bands(
    correction: Floats,
    diagonal: Floats,
    window: int,
    contrast: float,
    min_bins: int,
    bands: Indices,
    parts: Floats,
) -> None:
    """Find the bands of each row by its features' drops, each alone: `correction` (k, d)^2 * `diagonal` (d,).

    A band is a run of at least `min_bins` features whose moving average over `window` exceeds `contrast`
    times the average. `bands` (k, top, 3) receives first, last and peak of each band, largest first (-1 for
    none), and `parts` (k, top, 2) its part of the sum of the drops and its mean correction.
    """
    k, d = correction.shape
    top = bands.shape[1]
    half = window // 2
    for i in numba.prange(k):
        drop = np.empty(d)
        total = 0.0
        for j in range(d):
            drop[j] = correction[i, j] * correction[i, j] * diagonal[j]
            total += drop[j]
        bands[i, :, :] = -1
        if not total > 0.0:
            continue
        for j in range(d):
            drop[j] /= total
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
