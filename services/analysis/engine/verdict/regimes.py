"""Regimes of a baseline, such as loads or speeds, and the level of the detector's distance in each of them.

See docs/engine.md, "Deterioration and health".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Labels = NDArray[np.intp]

MAX_ROWS = 600
"""Evenly spaced references that regimes are looked for in. A regime that matters has a share of them."""

MAX_PARTS = 16
"""Parts that the references are split into before those are joined again that are not separate."""

SEPARATION = 6.0
"""Root mean square distances from the centre by which the centres of two regimes differ at least. The halves
of
a Gaussian cloud differ by 2.7, those of a uniform distribution by 3.5, and those of a sine wave by 4.1."""

MIN_SAMPLES, MIN_SHARE = 3, 0.02
"""Fewer samples are outliers and not a regime."""

ROUNDS = 10
"""Steps of the power iteration and of the 2-means, which usually settle earlier."""

PRIOR_SAMPLES = 5.0
"""The level of a regime is known from its few samples and, as if from this many more, from the others."""

PRIOR_FREEDOM = 2.0
"""The spread of a single sample cannot be known from itself."""

ROUNDING = 1e-12
"""Gaps below this share of the whole spread are rounding errors."""


@dataclass(frozen=True, slots=True)
class Regime:
    """`samples` of the baseline around the position (x, y) of the map, and what is normal there.

    `distance` is the mean of the detector's distances there, `spread` their standard deviation.
    """

    samples: int
    x: float
    y: float
    distance: float
    spread: float

    def as_dict(self) -> dict[str, Any]:
        """Return the regime as JSON-serialisable values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """Return the regime that `as_dict` stored."""
        return cls(**{name: values[name] for name in cls.__slots__})


def learn_regimes(
    features: Floats, places: Floats, coordinates: Floats, distances: Floats, outliers: Sequence[int] = ()
) -> tuple[Regime, ...]:
    """Find the regimes of references, and learn the level of the distance in each.

    The references have `features` (r, d) and map positions `places` (r, 2). The levels come from the
    baseline's own `distances` (n,) at `coordinates` (n, 2), without its `outliers`.
    """
    rows = np.arange(len(features))
    if rows.size > MAX_ROWS:
        rows = np.linspace(0, rows.size - 1, MAX_ROWS).astype(np.intp)
    parts = find_regimes(features[rows])
    centres = np.stack([places[rows[part]].mean(axis=0) for part in parts])
    return levels(centres, coordinates, distances, outliers)


def levels(
    centres: Floats, coordinates: Floats, distances: Floats, outliers: Sequence[int] = ()
) -> tuple[Regime, ...]:
    """Return the regimes around map positions `centres` (k, 2), with their levels in a baseline."""
    known = np.isfinite(distances)
    known[[row for row in outliers if 0 <= row < known.size]] = False
    if not known.any():
        known = np.isfinite(distances)
    labels, values = nearest(centres, coordinates[known]), distances[known]
    mean = float(values.mean()) if values.size else 0.0
    variance = float(values.var(ddof=1)) if values.size > 1 else 0.0
    found = []
    for place, (x, y) in enumerate(centres.tolist()):
        own = values[labels == place]
        weight = own.size + PRIOR_SAMPLES
        level = (float(own.sum()) + PRIOR_SAMPLES * mean) / weight
        spread = np.sqrt((float(((own - level) ** 2).sum()) + PRIOR_SAMPLES * variance) / weight)
        # A baseline without variance has no unit of its own.
        found.append(Regime(int(own.size), x, y, level, float(spread) or 1.0))
    return tuple(found)


def nearest(centres: Floats, coordinates: Floats) -> Labels:
    """Return the centre (k, 2) that is nearest to each map position (m, 2)."""
    gaps: Floats = ((coordinates[:, None, :] - centres) ** 2).sum(axis=2)
    labels: Labels = gaps.argmin(axis=1)
    return labels


def wear_of(regimes: Sequence[Regime], coordinates: Floats, distances: Floats) -> tuple[Floats, Labels]:
    """Return the wear (m,) of samples and their regimes (m,).

    The wear is the detector's distance above that of the sample's regime, in its standard deviations; NaN for
    samples that were not judged.
    """
    labels = nearest(np.array([(regime.x, regime.y) for regime in regimes]), coordinates)
    level = np.array([regime.distance for regime in regimes])
    spread = np.array([regime.spread for regime in regimes])
    wear: Floats = (distances - level[labels]) / spread[labels]
    return wear, labels


def find_regimes(x: Floats) -> list[Labels]:
    """Return the rows of each regime of samples x (n, d), at least one; outliers belong to none.

    The samples are split in two, again and again, where their squared distances from the centre add up to
    most (bisecting k-means, Steinbach, Karypis and Kumar 2000); then the nearest parts are joined until all
    centres are `SEPARATION` apart. Distances between all features decide, and not a projection, in which few
    samples of many features always fall into groups.
    """
    rows = np.arange(len(x))
    centred = x - x.mean(axis=0)
    largest = float(np.abs(centred).max(initial=0.0))
    if largest == 0.0:
        return [rows]
    z = centred / largest  # squares neither overflow nor underflow
    parts, sums = [rows], [_scatter(z)]
    least = ROUNDING * sums[0]
    while len(parts) < MAX_PARTS:
        worst = int(np.argmax(sums))
        part = parts[worst]
        halves = _halves(z[part]) if sums[worst] > least else None
        if halves is None:
            break
        parts[worst : worst + 1] = [part[halves], part[~halves]]
        sums[worst : worst + 1] = [_scatter(z[part[halves]]), _scatter(z[part[~halves]])]
    smallest = max(MIN_SAMPLES, int(np.ceil(MIN_SHARE * len(x))))
    found = [part for part in _joined(z, parts, sums, least) if part.size >= smallest]
    return sorted(found, key=lambda part: int(part[0])) or [rows]


def _joined(z: Floats, parts: list[Labels], sums: list[float], least: float) -> list[Labels]:
    """Join the two nearest parts until all are separate.

    Parts of few samples have the spread of all parts, as if they had PRIOR_FREEDOM more degrees of freedom.
    """
    common = PRIOR_FREEDOM * sum(sums) / max(1, len(z) - len(parts))
    centres = [z[part].mean(axis=0) for part in parts]

    def separation(i: int, j: int) -> float:
        gap = float(((centres[i] - centres[j]) ** 2).sum())
        if gap <= least:
            return 0.0
        freedom = parts[i].size + parts[j].size - 2 + PRIOR_FREEDOM
        spread = (sums[i] + sums[j] + common) / freedom
        return float(np.sqrt(gap / spread)) if spread > 0.0 else np.inf

    while len(parts) > 1:
        pairs = [(i, j) for j in range(len(parts)) for i in range(j)]
        gaps = [separation(i, j) for i, j in pairs]
        nearest_pair = int(np.argmin(gaps))
        if gaps[nearest_pair] > SEPARATION:
            break
        i, j = pairs[nearest_pair]
        parts[i] = np.sort(np.concatenate([parts[i], parts[j]]))
        sums[i], centres[i] = _scatter(z[parts[i]]), z[parts[i]].mean(axis=0)
        del parts[j], sums[j], centres[j]
    return parts


def _scatter(x: Floats) -> float:
    centred = x - x.mean(axis=0)
    return float(np.einsum("ij,ij->", centred, centred))


def _halves(x: Floats) -> NDArray[np.bool_] | None:
    """Return which samples (n,) form the first of two parts of least scatter; None if they are all the same.

    The start is the best cut along the first principal axis.
    """
    centred = x - x.mean(axis=0)
    axis = centred[np.einsum("ij,ij->i", centred, centred).argmax()]
    for _ in range(ROUNDS):
        axis = centred.T @ (centred @ axis)
        length = float(np.linalg.norm(axis))
        if length == 0.0:
            return None
        axis = axis / length
    along = centred @ axis
    order = np.argsort(along, kind="stable")
    left = np.arange(1, len(x))
    between = np.cumsum(along[order])[:-1] ** 2 / (left * (len(x) - left))
    first = np.zeros(len(x), dtype=np.bool_)
    first[order[: int(between.argmax()) + 1]] = True
    for _ in range(ROUNDS):
        centres = centred[first].mean(axis=0), centred[~first].mean(axis=0)
        near, far = (((centred - centre) ** 2).sum(axis=1) for centre in centres)
        moved = near < far
        if moved.all() or not moved.any() or np.array_equal(moved, first):
            break
        first = moved
    return first
