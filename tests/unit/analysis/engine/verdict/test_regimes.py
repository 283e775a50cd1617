"""Regimes are found in feature space, where there are some and only there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine.verdict.regimes import PRIOR_SAMPLES, find_regimes, levels, wear_of

Floats = NDArray[np.float64]


def regimes_of(generator: np.random.Generator, counts: list[int], d: int) -> Floats:
    """Samples around centres that are ten root mean square distances apart or more."""
    size = np.sqrt(d)
    centres: list[Floats] = []
    while len(centres) < len(counts):
        centre = 30.0 * size * generator.uniform(-1.0, 1.0, d)
        if all(np.linalg.norm(centre - other) > 20.0 * size for other in centres):
            centres.append(centre)
    parts = [
        centre + generator.uniform(0.5, 2.0) * generator.standard_normal((count, d))
        for centre, count in zip(centres, counts, strict=True)
    ]
    return np.concatenate(parts)


@pytest.mark.parametrize("d", [3, 24, 300])
@pytest.mark.parametrize("counts", [[30, 30], [200, 12], [40] * 6, [5, 4, 6, 5, 4, 6], [100] * 10])
def test_separate_regimes_are_found(counts: list[int], d: int) -> None:
    generator = np.random.default_rng(1)
    x = regimes_of(generator, counts, d)
    order = generator.permutation(len(x))
    found = find_regimes(x[order])
    expected = np.repeat(np.arange(len(counts)), counts)[order]
    assert sorted(part.size for part in found) == sorted(counts)
    assert all(np.unique(expected[part]).size == 1 for part in found)


def clouds(kind: str, n: int, d: int, generator: np.random.Generator) -> Floats:
    if kind == "gaussian":
        return generator.standard_normal((n, d))
    if kind == "heavy tails":
        return generator.standard_t(3, (n, d))
    if kind == "skewed":
        return generator.exponential(size=(n, d))
    noise = 0.02 * generator.standard_normal((n, d))
    load = np.sin(np.arange(n) / 10.0) if kind == "sine" else generator.random(n)
    return np.asarray(load[:, None] + noise)


@pytest.mark.parametrize("kind", ["gaussian", "heavy tails", "skewed", "sine", "continuous load"])
@pytest.mark.parametrize("n", [20, 60, 300])
def test_one_cloud_is_one_regime(kind: str, n: int) -> None:
    generator = np.random.default_rng(0)
    false = sum(len(find_regimes(clouds(kind, n, d, generator))) > 1 for d in (2, 5, 50) for _ in range(10))
    assert false <= 1


def test_outliers_and_identical_samples_are_no_regimes() -> None:
    x = np.random.default_rng(0).standard_normal((100, 4))
    x[7] += 1e6
    found = find_regimes(x)
    assert [part.size for part in found] == [99]
    assert [part.size for part in find_regimes(np.ones((10, 3)))] == [10]
    assert sorted(part.size for part in find_regimes(np.repeat([[0.0], [5.0]], 10, axis=0))) == [10, 10]


def test_the_unit_of_the_features_does_not_matter() -> None:
    x = regimes_of(np.random.default_rng(1), [40] * 4, 10)
    for scale in (1e-60, 1e-3, 1e60):
        parts = find_regimes(scale * x)
        assert [part.tolist() for part in parts] == [part.tolist() for part in find_regimes(x)]


def test_levels_of_small_regimes_lean_on_the_others() -> None:
    centres = np.array([[0.0, 0.0], [10.0, 0.0]])
    places = np.repeat(centres, [100, 1], axis=0)
    distances = np.concatenate([np.random.default_rng(0).normal(4.0, 1.0, 100), [14.0]])
    large, small = levels(centres, places, distances)
    assert large.distance == pytest.approx(distances[:100].mean(), abs=0.05)
    assert large.spread == pytest.approx(1.0, abs=0.2)
    assert small.distance == pytest.approx((14.0 + PRIOR_SAMPLES * distances.mean()) / (1.0 + PRIOR_SAMPLES))
    assert small.samples == 1
    # Outliers of the baseline and samples that were not judged say nothing about normal.
    distances[3], distances[5] = 1e6, np.nan
    wear, labels = wear_of(levels(centres, places, distances, [3]), places, distances)
    assert labels.tolist() == [0] * 100 + [1]
    assert np.abs(np.delete(wear[:100], [3, 5])).max() < 4.0
    assert np.isnan(wear[5])


def test_a_baseline_without_variance_has_a_level() -> None:
    (only,) = levels(np.zeros((1, 2)), np.zeros((5, 2)), np.zeros(5))
    assert (only.distance, only.spread) == (0.0, 1.0)
