"""Wear, its trend, and the health of a machine."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import betabinom, binom, kendalltau

from services.analysis.engine import (
    BaselineModel,
    BaselineReport,
    EngineConfig,
    EngineError,
    assess_health,
    deterioration,
    fit_baseline,
    open_table,
    read_all,
)
from services.analysis.engine.verdict.deterioration import fit_trend, mann_kendall
from services.analysis.engine.verdict.health import chance_at_rate, chance_beside_baseline

Floats = NDArray[np.float64]


@pytest.fixture
def baseline() -> Floats:
    return np.asarray(np.random.default_rng(0).standard_normal((200, 2)) * np.array([1.0, 0.5]))


def test_wear_is_in_baseline_standard_deviations(baseline: Floats) -> None:
    spread = np.sqrt(((baseline - baseline.mean(axis=0)) ** 2).sum() / 199)
    coordinates = baseline.mean(axis=0) + np.array([[3.0, 4.0], [3.0, 4.0], [0.0, 0.0]])
    found = deterioration([1.0, 1.0, 0.0], coordinates, baseline, failing=6.0)
    assert found.labels == (0.0, 1.0)
    np.testing.assert_allclose(found.wear, [0.0, 5.0 / spread], atol=1e-12)
    assert found.counts.tolist() == [1, 2]
    # The unit of the map does not change the wear.
    scaled = deterioration([1.0, 1.0, 0.0], coordinates * 7.0, baseline * 7.0, failing=6.0)
    np.testing.assert_allclose(scaled.wear, found.wear, atol=1e-12)


def test_samples_without_a_place_do_not_count(baseline: Floats) -> None:
    coordinates = np.array([[3.0, 4.0], [np.nan, np.nan], [0.0, 0.0], [np.nan, np.nan]])
    unplaced = np.vstack([baseline, [[np.nan, np.nan]]])
    found = deterioration([1.0, 1.0, 0.0, 2.0], coordinates, unplaced, failing=6.0)
    assert found.labels == (0.0, 1.0)
    alone = deterioration([1.0, 0.0], coordinates[[0, 2]], baseline, failing=6.0)
    np.testing.assert_array_equal(found.wear, alone.wear)
    texts = deterioration(["b", "a", "a", "c"], coordinates, unplaced, failing=6.0)
    assert texts.labels == ("b", "a")
    with pytest.raises(EngineError):
        deterioration([1.0], coordinates[1:2], baseline, failing=6.0)


def test_a_machine_of_which_nothing_was_judged_is_unknown(model: BaselineModel) -> None:
    nothing = assess_health(0.0, None, EngineConfig(), samples=0, baseline=model.report, not_judged=7)
    assert nothing.state == "unknown"
    assert "none of the 7 samples" in nothing.reasons[0]
    some = assess_health(0.0, None, EngineConfig(), samples=93, baseline=model.report, not_judged=7)
    assert some.state == "ok"
    assert some.reasons[-1].startswith("7 of 100 samples could not be judged")


def test_texts_keep_their_order_of_appearance(baseline: Floats) -> None:
    found = deterioration(["monday", "friday", "monday", "april"], np.zeros((4, 2)), baseline, failing=6.0)
    assert found.labels == ("monday", "friday", "april")
    assert found.counts.tolist() == [2, 1, 1]
    assert found.positions.tolist() == [0.0, 1.0, 2.0]


def test_a_crossing_is_predicted_with_its_interval() -> None:
    t = np.arange(100.0)
    wear = 1.0 + 0.02 * t + 0.1 * np.random.default_rng(0).standard_normal(100)
    trend = fit_trend(t, wear, failing=6.0)
    assert trend.significant
    assert trend.slope_low < 0.02 < trend.slope_high
    assert trend.crossing == pytest.approx(250.0, rel=0.05)
    assert trend.crossing_earliest is not None
    assert trend.crossing_latest is not None
    assert trend.crossing_earliest < 250.0 < trend.crossing_latest
    assert "will cross the failing level 6" in trend.text


def test_white_and_autocorrelated_noise_have_no_trend() -> None:
    generator = np.random.default_rng(0)
    t = np.arange(200.0)
    white, slow = 0, 0
    for _ in range(100):
        noise = generator.standard_normal(200)
        white += fit_trend(t, noise, failing=6.0).significant
        for i in range(1, 200):
            noise[i] += 0.6 * noise[i - 1]
        slow += fit_trend(t, noise, failing=6.0).significant
    assert white <= 12
    assert slow <= 15
    trend = fit_trend(t, generator.standard_normal(200), failing=6.0)
    assert trend.crossing is None
    assert "no significant trend" in trend.text


def test_mann_kendall_is_kendalls_test_for_independent_residuals() -> None:
    generator = np.random.default_rng(3)
    series = generator.standard_normal(60).round(1)
    tau, p_value = mann_kendall(series, np.resize([1.0, -1.0], 60))
    expected = kendalltau(np.arange(60), series, variant="b", method="asymptotic")
    assert p_value == pytest.approx(expected.pvalue, rel=0.05)
    assert np.sign(tau) == np.sign(expected.statistic)


def test_degenerate_series() -> None:
    assert not fit_trend(np.arange(3.0), np.arange(3.0), failing=6.0).significant
    assert not fit_trend(np.arange(50.0), np.ones(50), failing=6.0).significant
    falling = fit_trend(np.arange(50.0), -np.arange(50.0), failing=6.0)
    assert falling.significant
    assert falling.crossing is None
    long = fit_trend(np.arange(5000.0), np.arange(5000.0), failing=6.0)
    assert long.crossing == pytest.approx(6.0, abs=3.0)


def test_an_unordered_column_is_rejected(baseline: Floats) -> None:
    with pytest.raises(EngineError, match="order value"):
        deterioration([1.0, float("nan")], np.zeros((2, 2)), baseline, failing=6.0)
    with pytest.raises(EngineError, match="order values"):
        deterioration([1.0], np.zeros((2, 2)), baseline, failing=6.0)


def test_health_has_reasons() -> None:
    config = EngineConfig()
    assert assess_health(0.0, None, config).state == "ok"
    assert assess_health(0.05, None, config).state == "deteriorating"
    assert assess_health(0.15, 0.0, config).state == "failing"
    assert assess_health(0.0, 3.0, config).state == "deteriorating"
    health = assess_health(0.01, 7.5, config)
    assert health.state == "failing"
    assert any("7.5" in reason for reason in health.reasons)
    json.dumps(health.as_dict())


def report_of(samples: float, false_alarms: float = 0.0) -> BaselineReport:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((60, 3))
    fitted = fit_baseline(x, EngineConfig(optimizer="lbfgs"), feature_names=list("abc")).report
    return replace(fitted, effective_samples=samples, expected_false_alarms=false_alarms)


def test_a_few_anomalies_among_a_few_samples_may_be_chance() -> None:
    config, small, large = EngineConfig(), report_of(30.0), report_of(3000.0, 0.002)

    def state(hits: int, samples: int, baseline: BaselineReport) -> str:
        health = assess_health(hits / samples, None, config, samples=samples, baseline=baseline)
        assert len(health.reasons) == 1
        return health.state

    # One of twenty samples is 5 %, and one of five is 20 %, but healthy machines show as many.
    assert state(1, 20, small) == state(1, 5, small) == "ok"
    assert "too few" in assess_health(0.05, None, config, samples=20, baseline=small).reasons[0]
    # Three exceed the baseline's rate, but do not prove that the machine is failing.
    assert state(3, 20, small) == "deteriorating"
    assert state(16, 20, small) == "failing"
    # With many samples, the limits apply as they are.
    assert state(49, 1000, large) == "ok"
    assert state(50, 1000, large) == "deteriorating"
    assert state(150, 1000, large) == "failing"
    # Relative to a baseline with many false alarms, anomalies prove nothing.
    assert state(100, 1000, report_of(40.0, 0.1)) == "ok"


def test_the_chances_are_those_of_the_published_distributions() -> None:
    baseline = report_of(50.0, 0.02)
    assert chance_beside_baseline(3, 20, baseline) == pytest.approx(betabinom.sf(2, 20, 1.5, 49.5))
    assert chance_at_rate(3, 20, 0.05) == pytest.approx(binom.sf(2, 20, 0.05))
    assert chance_beside_baseline(0, 20, baseline) == chance_at_rate(0, 20, 0.05) == 1.0
    assert chance_beside_baseline(20_000, 100_000, baseline) < 0.01


def test_engines_that_run_to_failure_deteriorate(data: Path) -> None:
    """This tests three units; the benchmark prints all fifty."""
    path = data / "turbofan-units-001-050.csv"
    config = EngineConfig(end_meta="cycle", start_dim="setting_1", end_dim="sensor_21")
    with open_table(path, name=path.name, config=config) as reader:
        table = read_all(reader, file=path.name)
        names = reader.features
    units = np.array([entry["unit"] for entry in table.metadata])
    for unit in (1, 8, 30):
        x = table.features[units == unit]
        model = fit_baseline(x[:30], config, feature_names=names)
        scores = model.score(x[30:])
        coordinates = np.stack([scores.x, scores.y], axis=1)
        found = deterioration(
            np.arange(30.0, len(x)), coordinates, model.coordinates, failing=config.failing_wear
        )
        assert found.wear[-10:].mean() > 2.0 * found.wear[:10].mean()
        assert found.trend.significant
        assert found.trend.slope > 0.0
        assert assess_health(scores.summary.anomaly_fraction, found.latest, config).state == "failing"
        # Young engines are healthy: their first twenty cycles after the baseline raise no alarm.
        young = slice(0, 20)
        wear = deterioration(
            np.arange(20.0), coordinates[young], model.coordinates, failing=config.failing_wear
        ).latest
        share = float(scores.anomaly[young].mean())
        assert assess_health(share, wear, config, samples=20, baseline=model.report).state == "ok"
        json.dumps(found.as_dict(), allow_nan=False)
