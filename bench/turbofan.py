"""Engines that run to failure (C-MAPSS), scored after their baseline, and the wear whose trend is tested."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from bench.data import TURBOFAN, Floats, read
from services.analysis.engine import AVERAGE, BaselineModel, fit_baseline
from services.analysis.engine.verdict.regimes import wear_of
from services.analysis.engine.verdict.trend import Series

SETS = {
    "FD001": ("turbofan-units-001-050.csv", 30),
    "FD002": ("turbofan-fd002-units-001-040.csv.gz", 30),
    "FD002, 60": ("turbofan-fd002-units-001-040.csv.gz", 60),
}
FILE_CYCLES = 20
MIN_CYCLES = 60


@dataclass(frozen=True)
class Life:
    """An engine: its baseline, the cycles after it, and what the engine scored of them."""

    unit: int
    cycles: int
    baseline: Floats
    later: Floats
    model: BaselineModel
    places: Floats
    distances: Floats
    anomaly: NDArray[np.bool_]
    averaged: NDArray[np.bool_]

    @property
    def order(self) -> Floats:
        return np.arange(self.cycles - len(self.later) + 1, self.cycles + 1, dtype=np.float64)


def lives(folder: Path, name: str, first: int) -> Iterator[Life]:
    chunk, names = read(folder, name, TURBOFAN)
    units = np.array([entry["unit"] for entry in chunk.metadata])
    for unit in np.unique(units):
        samples = chunk.features[units == unit]
        if len(samples) < first + MIN_CYCLES:
            continue
        model = fit_baseline(samples[:first], TURBOFAN, feature_names=names)
        scores = model.score(samples[first:])
        places = np.stack([scores.x, scores.y], axis=1)
        yield Life(
            int(unit),
            len(samples),
            samples[:first],
            samples[first:],
            model,
            places,
            scores.distance,
            scores.anomaly,
            scores.anomaly & (scores.cause == AVERAGE),
        )


def of_distance(life: Life) -> Series:
    wear, regimes = wear_of(life.model.regimes(), life.places, life.distances)
    return Series(life.order, wear, regimes)


def one_regime(life: Life, wear: Floats) -> Series:
    return Series(life.order, wear, np.zeros(len(wear), dtype=np.intp))


def of_map(life: Life) -> Series:
    """The distance from the baseline's centre on the map, which wear was before."""
    return one_regime(life, np.linalg.norm(life.places - life.model.coordinates.mean(axis=0), axis=1))


def of_hotelling(life: Life) -> Series:
    """Hotelling's T2 with the 90 % of the variance, a standard of process monitoring."""
    mean, std = life.baseline.mean(axis=0), life.baseline.std(axis=0)
    used = std > 1e-12
    z = (life.baseline[:, used] - mean[used]) / std[used]
    _, values, axes = np.linalg.svd(z, full_matrices=False)
    share = np.cumsum(values**2) / (values**2).sum()
    kept = int(np.searchsorted(share, 0.9)) + 1
    scores = (life.later[:, used] - mean[used]) / std[used] @ axes[:kept].T
    return one_regime(life, (scores**2 / (values[:kept] ** 2 / len(z))).sum(axis=1))


def of_raw_distance(life: Life) -> Series:
    return one_regime(life, life.distances)
