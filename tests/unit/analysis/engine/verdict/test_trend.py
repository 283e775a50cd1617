"""The trend of a series of several regimes, and forecasts of when it crosses a level."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kendalltau, theilslopes

from services.analysis.engine.verdict.deterioration import describe
from services.analysis.engine.verdict.forecast import forecast, past_forecasts, reached
from services.analysis.engine.verdict.trend import MAX_POINTS, MIN_POINTS, Series, slope_of

Floats = NDArray[np.float64]
FAILING = 6.0


def series_of(wear: Floats, regimes: NDArray[np.intp] | None = None) -> Series:
    labels = np.zeros(wear.size, dtype=np.intp) if regimes is None else regimes
    return Series(np.arange(float(wear.size)), wear, labels)


def autocorrelated(generator: np.random.Generator, samples: int, r: float) -> Floats:
    noise = generator.standard_normal(samples + 100)
    for i in range(1, noise.size):
        noise[i] += r * noise[i - 1]
    return noise[100:]


@pytest.mark.parametrize("r", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("samples", [25, 100])
def test_noise_has_no_trend_however_slow_it_is(r: float, samples: int) -> None:
    generator = np.random.default_rng(0)
    found = [slope_of(series_of(autocorrelated(generator, samples, r))) for _ in range(200)]
    rising = sum(slope.significant and slope.value > 0.0 for slope in found)
    # 1 % is meant, and at most 3 % are tolerated: more than 11 of 200 has a chance of 3 %.
    assert rising <= 11


def test_regimes_that_become_frequent_are_no_trend() -> None:
    """Levels of regimes, known from few samples, are never right; mixing them differently is no wear."""
    generator = np.random.default_rng(0)
    stratified = mixed = 0
    for _ in range(100):
        second = (generator.random(150) < np.linspace(0.1, 0.9, 150)).astype(np.intp)
        wear = generator.standard_normal(150) + 0.8 * second
        found, blind = slope_of(series_of(wear, second)), slope_of(series_of(wear))
        stratified += found.significant and found.value > 0.0
        mixed += blind.significant and blind.value > 0.0
    assert stratified <= 5
    assert mixed >= 20


@pytest.mark.parametrize("shape", ["line", "curve", "late"])
def test_a_trend_is_found_whatever_the_regimes_do(shape: str) -> None:
    generator = np.random.default_rng(0)
    t = np.linspace(0.0, 1.0, 150)
    grown = {
        "line": 3.0 * t,
        "curve": 12.0 * np.exp(3.0 * (t - 1.0)),
        "late": 20.0 * np.maximum(t - 0.6, 0.0),
    }
    found = 0
    for _ in range(20):
        regimes = generator.integers(0, 6, 150)
        wear = grown[shape] + generator.standard_normal(150) + 2.0 * np.sin(np.arange(6))[regimes]
        slope = slope_of(series_of(wear, regimes))
        found += slope.significant and slope.value > 0.0
    assert found == 20


def test_with_one_regime_it_is_sens_slope_and_kendalls_test() -> None:
    wear = np.random.default_rng(3).standard_normal(80).round(1) + 0.01 * np.arange(80)
    found, sen = slope_of(series_of(wear)), theilslopes(wear)
    assert found.value == pytest.approx(sen.slope)
    # Student's distribution and the autocorrelation make it more careful.
    kendall = kendalltau(np.arange(80), wear, method="asymptotic")
    assert kendall.pvalue <= found.p_value <= 3.0 * kendall.pvalue + 1e-3
    assert found.low <= sen.low_slope
    assert found.high >= sen.high_slope
    assert np.sign(found.tau) == np.sign(kendall.statistic)


def test_degenerate_series_have_no_trend() -> None:
    assert slope_of(series_of(np.arange(float(MIN_POINTS)))).significant
    assert not slope_of(series_of(np.arange(MIN_POINTS - 1.0))).significant
    assert not slope_of(series_of(np.ones(50))).significant
    alone = np.arange(50)
    assert not slope_of(series_of(np.arange(50.0), alone)).significant, "no regime has two points"


def test_long_series_are_summarised_within_their_regimes() -> None:
    generator = np.random.default_rng(0)
    regimes = (generator.random(20_000) < 0.2).astype(np.intp)
    wear = np.linspace(0.0, 1.0, 20_000) + generator.standard_normal(20_000) + 5.0 * regimes
    short = series_of(wear, regimes).thinned()
    assert len(short) <= MAX_POINTS + 1
    assert np.all(np.diff(short.positions) >= 0.0)
    assert short.wear[short.regimes == 1].mean() == pytest.approx(5.5, abs=0.1)
    assert slope_of(short).value == pytest.approx(1.0 / 20_000, rel=0.1)


def test_a_crossing_is_forecast_with_its_interval() -> None:
    wear = 1.0 + 0.02 * np.arange(100) + 0.1 * np.random.default_rng(0).standard_normal(100)
    trend = describe(series_of(wear), FAILING)
    assert trend.significant
    assert trend.slope_low < 0.02 < trend.slope_high
    assert trend.crossing is not None
    assert trend.crossing_earliest is not None
    assert trend.crossing_latest is not None
    # It crosses at 250 if it stays straight, earlier if it grows with itself.
    assert 99.0 < trend.crossing_earliest < trend.crossing < trend.crossing_latest
    assert trend.crossing_earliest < 250.0 < trend.crossing_latest
    assert trend.code == "crossing_predicted"
    assert "will cross the failing level 6" in trend.text
    assert trend.params["crossing"] == trend.crossing


def test_what_does_not_rise_is_not_forecast() -> None:
    noise = describe(series_of(np.random.default_rng(0).standard_normal(200)), FAILING)
    assert (noise.code, noise.crossing) == ("no_trend", None)
    falling = describe(series_of(-np.arange(50.0)), FAILING)
    assert (falling.code, falling.significant, falling.crossing) == ("wear_decreasing", True, None)
    few = describe(series_of(np.arange(3.0)), FAILING)
    assert (few.code, few.params) == ("too_few_points", {"points": 3.0, "needed": float(MIN_POINTS)})


def test_what_has_crossed_is_told_and_not_forecast() -> None:
    series = series_of(np.linspace(0.0, 12.0, 101))
    trend = describe(series, FAILING)
    assert trend.code == "wear_crossed"
    assert trend.crossing == trend.crossing_earliest == trend.crossing_latest
    # The median of the last tenth reaches the level a little later than a single sample does.
    assert trend.crossing == pytest.approx(53.0, abs=2.0)
    end = reached(series, FAILING)
    assert end is not None
    assert reached(series.first(end - 1), FAILING) is None


@pytest.mark.parametrize("shape", ["line", "exponential"])
def test_nine_of_ten_forecasts_hold(shape: str) -> None:
    generator = np.random.default_rng(0)
    t = np.arange(200.0)
    grown = FAILING * t / 150.0 if shape == "line" else 0.3 * np.exp(t / 50.0)
    made = held = 0
    for _ in range(15):
        series = series_of(grown + generator.standard_normal(200))
        forecasts, scores = past_forecasts(series, FAILING)
        made, held = made + scores.scored, held + scores.within
        assert scores.crossed is not None
        assert all(each.at < scores.crossed for each in forecasts)
    assert made >= 40
    assert held >= 0.9 * made


def test_a_forecast_that_failed_is_scored_as_one() -> None:
    """The wear rises to half the level, and stays there for longer than forecast, or jumps at once."""
    rise = np.linspace(0.0, 4.0, 100) + 0.1 * np.random.default_rng(0).standard_normal(100)
    stays = series_of(np.concatenate([rise, np.full(400, 4.0)]))
    forecasts, scores = past_forecasts(stays, FAILING)
    assert scores.crossed is None
    assert scores.median_error is None
    assert forecasts[0].within is False
    jumps = series_of(np.concatenate([rise, np.full(50, 9.0)]))
    forecasts, scores = past_forecasts(jumps, FAILING)
    assert scores.crossed == pytest.approx(107.0, abs=5.0)
    assert scores.scored == len(forecasts) > 0
    assert scores.within < scores.scored
    assert scores.coverage == scores.within / scores.scored
    # While nothing is decided, nothing is scored.
    young = series_of(rise[:60])
    assert past_forecasts(young, FAILING)[1].scored == 0


def test_a_forecast_knows_only_what_came_before() -> None:
    wear = np.linspace(0.0, 7.0, 150) + 0.3 * np.random.default_rng(0).standard_normal(150)
    series = series_of(wear)
    said = {each.at: each for each in past_forecasts(series, FAILING)[0]}
    for points in (60, 90):
        known = series.first(points)
        now = forecast(known, slope_of(known), FAILING)
        assert (now.crossing, now.latest) == (said[now.at].crossing, said[now.at].latest)
