"""Each statistic finds what the others miss, and says that it did; together they keep one rate."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import BaselineModel, EngineConfig, fit_baseline
from services.analysis.engine.verdict.threshold import threshold_of

Floats = NDArray[np.float64]

NAMES = tuple(f"s{place}" for place in range(12))


def plant(rows: int, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    gains = np.random.default_rng(100).normal(size=(3, 12))
    return np.asarray(generator.normal(size=(rows, 3)) @ gains + 0.5 * generator.normal(size=(rows, 12)))


def in_regimes(rows: int, seed: int, gap: float = 12.0) -> Floats:
    """A machine at one of two loads, never between them."""
    load = gap * np.random.default_rng([seed, 1]).integers(0, 2, (rows, 1))
    return plant(rows, seed) + load * np.random.default_rng(7).normal(size=(1, 12))


def fit(x: Floats, **parameters: object) -> BaselineModel:
    config = EngineConfig(optimizer="lbfgs", **parameters)  # type: ignore[arg-type]
    return fit_baseline(x, config, feature_names=NAMES)


@pytest.fixture(scope="module")
def model() -> BaselineModel:
    return fit(plant(600, 1))


@pytest.mark.parametrize("rate", [0.005, 0.02])
def test_all_statistics_together_keep_the_rate(rate: float) -> None:
    alarms = []
    for seed in range(4):
        model = fit(plant(800, 10 + seed), false_alarm_rate=rate)
        assert model.statistics == ("distance", "residual", "average", "neighbour")
        alarms.append(model.score(plant(4000, 20 + seed)).anomaly.mean())
        assert model.report.expected_false_alarms == pytest.approx(rate, rel=0.2)
    assert 0.5 * rate < np.mean(alarms) < 2.0 * rate


def test_between_two_regimes_only_the_neighbour_sees_a_fault() -> None:
    model = fit(in_regimes(600, 2))
    between = plant(60, 3) + 6.0 * np.random.default_rng(7).normal(size=(1, 12))
    found = model.score(between)
    assert found.anomaly.mean() > 0.95
    assert (found.cause == "neighbour").mean() > 0.9
    assert model.score(in_regimes(1000, 4)).anomaly.mean() < 0.02


def test_a_small_lasting_shift_shows_in_the_average(model: BaselineModel) -> None:
    shifted = plant(300, 5)
    shifted[:, 4] += 1.0
    found = model.score(shifted)
    single = np.isin(found.cause, ["distance", "residual"])
    assert found.anomaly[30:].mean() > 0.7
    assert (found.anomaly & single).mean() < 0.3
    assert found.summary.causes["average"] > 150


def test_one_wild_sample_does_not_alarm_for_long(model: BaselineModel) -> None:
    x = plant(100, 6)
    x[50, 3] = -9999.0
    found = model.score(x)
    assert found.anomaly[50]
    assert found.anomaly[60:].mean() < 0.05


def test_the_neighbour_needs_a_baseline_that_has_been_everywhere() -> None:
    """A temperature wanders through the baseline once, and elsewhere later."""
    generator = np.random.default_rng(8)
    slow = np.cumsum(generator.standard_normal((900, 1)), axis=0) / 4.0
    model = fit(plant(900, 9) + slow * np.linspace(0.5, 1.0, 12))
    assert model.report.independent_samples is not None
    assert model.report.independent_samples < 30
    assert "neighbour" not in model.statistics
    assert model.report.verdict == "usable"
    [finding] = [each for each in model.report.findings if each.code == "uncertain_rate"]
    assert finding.params["feature"] in finding.text
    assert finding.params["least"] < finding.params["expected"] < finding.params["most"]


def test_fewer_samples_than_features_have_no_neighbours() -> None:
    x = np.random.default_rng(0).standard_normal((20, 30))
    model = fit_baseline(x, EngineConfig(), feature_names=[f"b{place}" for place in range(30)])
    assert model.statistics == ("distance", "residual")


def test_the_average_of_a_configuration_is_learnt_from_averages() -> None:
    """Averages of slow features vary as much as the features, those of noise much less."""
    generator = np.random.default_rng(3)
    slow = np.repeat(generator.standard_normal((40, 1)), 50, axis=0)
    x = np.hstack([slow + 0.1 * generator.standard_normal((2000, 1)), generator.standard_normal((2000, 3))])
    model = fit_baseline(x, EngineConfig(ewma=0.1), feature_names=list("abcd"))
    assert model.statistics == ("distance", "residual")
    later = np.hstack([slow + 0.1, np.random.default_rng(4).standard_normal((2000, 3))])
    assert model.score(later).anomaly.mean() < 0.03
    later[:, 2] += 1.5
    assert model.score(later).anomaly[50:].mean() > 0.9


def test_another_threshold_follows_from_the_stored_distances(model: BaselineModel) -> None:
    stricter = fit(plant(600, 1), false_alarm_rate=0.05)
    np.testing.assert_array_equal(stricter.baseline_distances, model.baseline_distances)
    assert stricter.threshold == threshold_of(model.baseline_distances, stricter.config)
    assert stricter.threshold < model.threshold
