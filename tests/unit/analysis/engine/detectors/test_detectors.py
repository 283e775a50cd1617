"""Every detector, with and without a moving average, has defined results on any baseline."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import BaselineModel, EngineConfig, EngineError, Scores, fit_baseline
from services.analysis.engine.config import DETECTORS
from services.analysis.engine.detectors.covariance import orthonormal

Floats = NDArray[np.float64]

CONFIGS = [
    EngineConfig(optimizer="lbfgs", detector=detector, ewma=ewma)
    for detector in DETECTORS
    for ewma in (None, 0.2)
]


@pytest.fixture(params=CONFIGS, ids=lambda config: f"{config.detector}-{config.ewma or 'raw'}")
def config(request: pytest.FixtureRequest) -> EngineConfig:
    chosen: EngineConfig = request.param
    return chosen


def fit(x: Floats, config: EngineConfig) -> BaselineModel:
    return fit_baseline(x, config, feature_names=[f"s{i}x" for i in range(x.shape[1])])


def check(model: BaselineModel, x: Floats) -> Scores:
    """Score and explain x, and check that all results are defined."""
    scores = model.score(x)
    for array in (scores.x, scores.y, scores.misfit, scores.distance, scores.ratio):
        assert array.shape == (x.shape[0],)
        assert np.isfinite(array).all()
    assert (scores.distance >= 0.0).all()
    assert 0.0 < model.threshold < np.inf
    np.testing.assert_array_equal(scores.anomaly, scores.ratio > 1.0)
    np.testing.assert_array_equal(scores.anomaly, scores.severity != "normal")
    assert np.isfinite(model.baseline_distances).all()
    for explanation in model.explain(x[:5]):
        for feature in explanation.features:
            assert np.isfinite([feature.expected, feature.observed, feature.deviation, feature.share]).all()
    assert model.report.advice
    assert np.isfinite([model.report.condition, model.report.false_alarms_bound]).all()
    return scores


def normal(n: int, d: int, seed: int = 0) -> Floats:
    """n samples of d correlated features; another seed gives other samples of the same machine."""
    mixing = np.random.default_rng(d).standard_normal((2, d))
    generator = np.random.default_rng([seed, n, d])
    shared = generator.standard_normal((n, 2)) @ mixing
    return np.asarray(shared + 0.5 * generator.standard_normal((n, d)))


def test_constant_features(config: EngineConfig) -> None:
    x = normal(80, 6)
    x[:, 2] = 5.0
    x[:, 4] = 1e9 / 3.0
    model = fit(x, config)
    assert model.dropped_features == ("s2x", "s4x")
    check(model, x)


def test_every_feature_constant(config: EngineConfig) -> None:
    x = np.full((20, 4), 3.0)
    model = fit(x, config)
    assert not check(model, x).anomaly.any()
    assert model.report.verdict == "unreliable"


def test_more_features_than_samples(config: EngineConfig) -> None:
    scores = check(fit(normal(30, 200), config), normal(30, 200))
    assert scores.anomaly.mean() < 0.2


def test_three_samples(config: EngineConfig) -> None:
    for d in (1, 2, 50):
        check(fit(normal(3, d), config), normal(5, d))


def test_two_samples_are_rejected(config: EngineConfig) -> None:
    with pytest.raises(EngineError, match="at least 3 samples"):
        fit(normal(2, 4), config)


def test_duplicates(config: EngineConfig) -> None:
    check(fit(np.repeat(normal(10, 5), 6, axis=0), config), normal(20, 5))
    one_other = np.zeros((40, 5))
    one_other[7] = 1.0
    check(fit(one_other, config), one_other)


def test_copied_features(config: EngineConfig) -> None:
    x = np.repeat(normal(100, 4), 3, axis=1)
    check(fit(x, config), x)


def test_one_huge_outlier_in_the_baseline(config: EngineConfig) -> None:
    x = normal(200, 6)
    x[50] = 1e6
    model = fit(x, config)
    check(model, x)
    assert model.report.outliers == (51,)
    assert "sample 51" in " ".join(model.report.advice)
    if config.detector != "map_mahalanobis":
        # It neither raises the threshold nor masks later faults, except on the map, which it dominates.
        faulty = normal(60, 6, seed=9) + 30.0
        assert check(model, faulty).anomaly[10:].all()


@pytest.mark.parametrize("unit", [1e-300, 1e-140, 1e-30, 1e30, 1e140, 1e299])
def test_extreme_units(config: EngineConfig, unit: float) -> None:
    x = normal(60, 5) / 10.0
    scores = check(fit(x * unit, config), x * unit)
    np.testing.assert_allclose(scores.distance, check(fit(x, config), x).distance, rtol=1e-4)


def test_extreme_units_side_by_side(config: EngineConfig) -> None:
    x = normal(60, 5)
    units = np.array([1e-300, 1e-150, 1.0, 1e150, 1e298])
    model = fit(x * units, config)
    assert model.scaling.kind == "standard"
    alike = fit(x, replace(config, scaling="standard"))
    tolerance = 1e-3 if config.detector == "map_mahalanobis" else 1e-6
    np.testing.assert_allclose(
        check(model, x * units).distance, check(alike, x).distance, rtol=tolerance, atol=1e-9
    )


def test_extreme_values_in_monitoring(config: EngineConfig) -> None:
    x = normal(60, 5)
    wild = np.array([[1e300, -1e300, 0.0, 1.0, 1e-300]] * 3)
    for unit in (1e-300, 1e-100, 1.0, 1e100):
        scores = check(fit(x * unit, config), wild)
        assert scores.anomaly.all()
        assert (scores.severity == "critical").all()
    check(fit(x * 1e298, config), wild)
    with pytest.raises(EngineError, match="1e\\+300"):
        fit(x, config).score(np.full((1, 5), 1e301))


def test_the_order_of_features_does_not_matter(config: EngineConfig) -> None:
    x, y = normal(80, 7), normal(40, 7, seed=1) + 1.0
    order = np.random.default_rng(0).permutation(7)
    expected = fit(x, config).score(y)
    found = fit(x[:, order], config).score(y[:, order])
    tolerance = 1e-3 if config.detector == "map_mahalanobis" else 1e-8
    np.testing.assert_allclose(found.distance, expected.distance, rtol=tolerance)
    np.testing.assert_array_equal(found.severity, expected.severity)
    assert expected.anomaly.any() or config.detector == "map_mahalanobis"


def test_units_and_offsets_do_not_matter(config: EngineConfig) -> None:
    config = replace(config, scaling="standard")
    x, y = normal(80, 7), normal(40, 7, seed=1) + 1.0
    units, offsets = np.geomspace(1e-4, 1e5, 7), np.linspace(-100.0, 100.0, 7)
    expected = fit(x, config).score(y)
    found = fit(x * units + offsets * units, config).score(y * units + offsets * units)
    tolerance = 1e-3 if config.detector == "map_mahalanobis" else 1e-6
    np.testing.assert_allclose(found.distance, expected.distance, rtol=tolerance)
    np.testing.assert_array_equal(found.severity, expected.severity)


def test_normal_samples_are_normal_and_a_fault_is_found(config: EngineConfig) -> None:
    # All samples are of one machine: a baseline, normal samples, and a fault along a visible direction.
    x = normal(900, 8)
    model = fit(x[:400], config)
    assert check(model, x[400:]).anomaly.mean() < 0.02
    visible = model.space.axes.vectors[:, -1] * x.std(axis=0)
    assert check(model, x[400:] + 25.0 * visible).anomaly[10:].all()


def test_in_sample_distances_would_be_too_small() -> None:
    x = normal(60, 40)
    model = fit(x, EngineConfig(optimizer="lbfgs"))
    inside = model.score(x).distance
    assert model.baseline_distances.mean() > 1.2 * inside.mean()
    fresh = model.score(normal(1000, 40, seed=1))
    assert fresh.anomaly.mean() < 0.05


def test_the_default_shrinkage_of_the_covariance_is_chosen_by_held_out_likelihood() -> None:
    # Small faults show in directions with little variance, which shrinkage must not mask.
    generator = np.random.default_rng(0)
    first = generator.standard_normal((500, 1))
    x = np.hstack(
        [first, first + 0.03 * generator.standard_normal((500, 1)), generator.standard_normal((500, 8))]
    )
    model = fit(x, EngineConfig(optimizer="lbfgs"))
    broken = x[:50].copy()
    broken[:, 1] += 0.3  # ten times its own noise, a third of its standard deviation
    assert model.score(broken).anomaly.all()
    assert all(explanation.features[0].name in {"s0x", "s1x"} for explanation in model.explain(broken))


def test_directions_are_made_orthonormal_in_their_order() -> None:
    generator = np.random.default_rng(0)
    exact, _ = np.linalg.qr(generator.standard_normal((60, 8)))
    # Each direction is contaminated by those before it, as directions of small variance are.
    sizes = np.geomspace(1.0, 1e-6, 8)
    contaminated = exact * sizes + 1e-9 * generator.standard_normal((60, 8)) @ np.triu(np.ones((8, 8)))
    found = orthonormal(contaminated)
    np.testing.assert_allclose(found.T @ found, np.eye(8), atol=1e-13)
    np.testing.assert_allclose(np.abs((found * exact).sum(axis=0)), 1.0, atol=1e-3)
    # Duplicate directions have no Cholesky factor, but the result is still orthonormal.
    copies = orthonormal(np.repeat(exact[:, :2], 2, axis=1))
    np.testing.assert_allclose(copies.T @ copies, np.eye(4), atol=1e-12)
