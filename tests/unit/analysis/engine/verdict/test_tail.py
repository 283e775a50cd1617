"""Tail quantiles fit known distributions, beyond the sample, too; memories are those of processes."""

from __future__ import annotations

import numpy as np
import pytest

from services.analysis.engine.verdict.memory import slowest
from services.analysis.engine.verdict.tail import tail_quantile, tail_rate


def test_where_the_sample_suffices_it_decides() -> None:
    values = np.random.default_rng(0).standard_normal(5000)
    assert tail_quantile(values, 0.01) == np.quantile(values, 0.99)
    assert tail_rate(values, float(np.quantile(values, 0.99))) == pytest.approx(0.01, abs=1e-3)


def test_beyond_the_sample_an_exponential_tail_continues() -> None:
    """Exponential values exceed -ln(rate); a sample of 100 has none beyond a rate of 1 in 10,000."""
    generator = np.random.default_rng(1)
    found = [tail_quantile(generator.exponential(size=200), 1e-4) for _ in range(200)]
    assert np.mean(found) == pytest.approx(-np.log(1e-4), rel=0.05)


@pytest.mark.parametrize("size", [40, 100, 400])
def test_distances_alarm_about_as_often_as_asked(size: int) -> None:
    """Distances of twelve features (chi); the quantile of the sample alone would alarm twice as often."""
    generator = np.random.default_rng(2)
    fresh = np.sqrt(generator.chisquare(12, 50_000))
    rates = [
        float((fresh > tail_quantile(np.sqrt(generator.chisquare(12, size)), 0.005)).mean())
        for _ in range(100)
    ]
    assert 0.0025 < np.mean(rates) < 0.01


@pytest.mark.parametrize("rate", [0.2, 0.02, 0.005, 1e-4])
def test_rate_and_quantile_are_inverse(rate: float) -> None:
    values = np.random.default_rng(3).exponential(size=300)
    assert tail_rate(values, tail_quantile(values, rate)) == pytest.approx(rate, rel=0.05)


def test_values_without_spread_have_a_quantile() -> None:
    for size in (1, 3, 50):
        assert tail_quantile(np.full(size, 2.0), 0.005) == 2.0
        assert tail_rate(np.full(size, 2.0), 2.0) == 0.0


@pytest.mark.parametrize(("keep", "memory"), [(0.5, 1.5), (0.9, 9.5), (0.98, 49.5)])
def test_the_memory_of_a_process(keep: float, memory: float) -> None:
    generator = np.random.default_rng(4)
    x = generator.standard_normal((20_000, 3))
    for t in range(1, len(x)):
        x[t, 1] += keep * x[t - 1, 1]
    found = slowest(lambda some: x[:, some], 3, len(x))
    assert found.feature == 1
    assert found.samples == pytest.approx(memory, rel=0.25)
    assert found.effective == pytest.approx(len(x) * (1 - keep) / (1 + keep), rel=0.3)


def test_what_is_slow_beneath_noise_counts() -> None:
    """A fifth of the variance remembers 100 samples: t = 1 + 2 * 0.2 * 99.5."""
    generator = np.random.default_rng(6)
    slow = generator.standard_normal(40_000) * np.sqrt(1 - 0.99**2)
    for t in range(1, len(slow)):
        slow[t] += 0.99 * slow[t - 1]
    x = np.sqrt(0.2) * slow + np.sqrt(0.8) * generator.standard_normal(len(slow))
    assert slowest(lambda _: x[:, None], 1, len(x)).effective == pytest.approx(len(x) / 41, rel=0.4)


@pytest.mark.parametrize(("n", "d"), [(60, 12), (40, 300), (600, 5)])
def test_independent_samples_are_independent(n: int, d: int) -> None:
    x = np.random.default_rng(5).standard_normal((n, d))
    assert slowest(lambda some: x[:, some], d, n).effective > 0.7 * n


def test_constant_features_have_no_memory() -> None:
    assert slowest(lambda some: np.ones((50, 2))[:, some], 2, 50).feature is None
