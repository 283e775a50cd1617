"""The report on a baseline is useful to an engineer, and its bound on false alarms holds."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from bench.detection import duty
from services.analysis.engine import BaselineModel, EngineConfig, fit_baseline
from services.analysis.engine.config import DETECTORS
from services.analysis.engine.verdict.groups import count_regimes
from services.analysis.engine.verdict.readiness import effective_samples, rate_interval

Floats = NDArray[np.float64]


def fit(x: Floats, **parameters: object) -> BaselineModel:
    config = EngineConfig(optimizer="lbfgs", **parameters)  # type: ignore[arg-type]
    return fit_baseline(x, config, feature_names=[f"s{i}x" for i in range(x.shape[1])])


def test_a_sound_baseline_is_ready() -> None:
    report = fit(np.random.default_rng(0).standard_normal((600, 5))).report
    assert report.verdict == "ready"
    assert report.expected_false_alarms <= report.false_alarms_bound < 0.05


def test_too_few_samples_are_unreliable() -> None:
    report = fit(np.random.default_rng(0).standard_normal((8, 5))).report
    assert report.verdict == "unreliable"
    assert "longer" in report.advice[0]
    report = fit(np.random.default_rng(0).standard_normal((60, 50))).report
    assert report.verdict == "usable"
    assert any("100 samples" in advice for advice in report.advice)


@pytest.mark.parametrize("regimes", [2, 3, 5])
def test_regimes_are_counted(regimes: int) -> None:
    generator = np.random.default_rng(0)
    x = generator.standard_normal((300, 4))
    x += 12.0 * (np.arange(300) % regimes)[:, None]
    report = fit(x).report
    assert report.regimes == regimes
    assert report.verdict == "usable"
    assert any(f"{regimes} separate groups" in advice for advice in report.advice)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("shape", ["normal", "uniform", "heavy", "skew", "line"])
def test_a_single_regime_is_not_split(shape: str, seed: int) -> None:
    generator = np.random.default_rng(seed)
    cloud = {
        "normal": generator.standard_normal((400, 2)),
        "uniform": generator.uniform(size=(400, 2)),
        "heavy": generator.standard_t(3.0, (400, 2)),
        "skew": generator.exponential(size=(400, 2)),
        "line": np.linspace(0.0, 1.0, 800).reshape(-1, 2),
    }[shape]
    assert count_regimes(cloud) == 1


def test_effective_samples_of_a_slow_series() -> None:
    generator = np.random.default_rng(0)
    assert effective_samples(generator.standard_normal(2000)) > 1700
    slow = np.convolve(generator.standard_normal(2050), np.ones(50), mode="valid")
    assert effective_samples(slow) < 100
    assert effective_samples(np.ones(10)) == 10.0


def test_the_interval_is_clopper_and_pearson() -> None:
    least, most = rate_interval(0.0, 100.0)
    assert [least, most] == pytest.approx([0.0, 1.0 - 0.025 ** (1.0 / 100.0)])
    least, most = rate_interval(1.0, 10.0)
    assert [least, most] == pytest.approx([0.025 ** (1.0 / 10.0), 1.0])
    # 10 of 100: tables give 4.90 % and 17.62 %.
    assert rate_interval(0.1, 100.0) == pytest.approx((0.0490, 0.1762), abs=1e-4)


@pytest.mark.parametrize("ewma", [None, 0.2])
def test_the_false_alarm_bound_holds_through_load_changes(ewma: float | None) -> None:
    """A slowly varying load moves all sensors together; random folds would give far too low a bound."""
    generator = np.random.default_rng(5)

    def run(n: int) -> Floats:
        load = np.empty(n)
        load[0] = 0.0
        for t in range(1, n):
            load[t] = 0.98 * load[t - 1] + 0.2 * generator.standard_normal()
        gains = np.linspace(0.5, 2.0, 6)
        return np.asarray(load[:, None] * gains + 0.3 * generator.standard_normal((n, 6)))

    model = fit(run(1500), ewma=ewma, landmarks=200)
    found = float(model.score(run(4000)).anomaly.mean())
    assert found <= model.report.false_alarms_bound + 0.01


DETECTIONS = [(detector, ewma) for detector in DETECTORS for ewma in (None, 0.2)]


@pytest.mark.parametrize(("detector", "ewma"), DETECTIONS)
def test_the_false_alarm_bound_holds_through_warm_up_and_regimes(detector: str, ewma: float | None) -> None:
    """Baseline and later sequences warm up after each start and change their load in steps."""
    config = EngineConfig(optimizer="lbfgs", detector=detector, ewma=ewma, landmarks=200)
    model = fit_baseline(duty(3000, 1), config, feature_names=[f"sensor {x}" for x in "abcdefghijkl"])
    report = model.report
    for seed in (2, 3):
        found = float(model.score(duty(3000, seed)).anomaly.mean())
        assert found <= report.false_alarms_bound
        assert found <= report.expected_false_alarms + 0.01
    assert report.effective_samples < 3000.0
    if detector != "map_mahalanobis":
        # The threshold still detects a fault of a single sensor.
        faulty = duty(1500, 4)
        faulty[500:, 3] += 1.0
        assert model.score(faulty).anomaly[520:].mean() > 0.95


@pytest.mark.parametrize("rows", [20, 30, 60, 100])
def test_one_small_cloud_is_one_regime(rows: int) -> None:
    clouds = [np.random.default_rng([rows, seed]).normal(size=(rows, 2)) for seed in range(100)]
    assert sum(count_regimes(cloud) > 1 for cloud in clouds) <= 2
