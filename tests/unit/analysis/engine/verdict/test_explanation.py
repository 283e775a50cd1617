"""A simulated fault is identified with its feature, size and sign."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.analysis.engine import BaselineModel, EngineConfig, fit_baseline
from services.analysis.engine.verdict.explanation import Explanation, Space, explain

Floats = NDArray[np.float64]


@settings(max_examples=60, deadline=None)
@given(feature=st.integers(0, 11), row=st.integers(0, 299), size=st.sampled_from([-30.0, -8.0, 8.0, 30.0]))
def test_the_planted_feature_ranks_first(
    model: BaselineModel, correlated: Floats, feature: int, row: int, size: float
) -> None:
    broken = correlated[row].copy()
    broken[feature] += size * correlated[:, feature].std()
    (explanation,) = model.explain(broken[None, :])
    first = explanation.features[0]
    assert first.name == f"sensor_{feature + 1}"
    assert first.observed == broken[feature]
    assert np.sign(first.deviation) == np.sign(size)
    # The expected value is that of the original sample, as precisely as the other features determine it.
    untouched = correlated[row, feature]
    assert abs(first.expected - untouched) < 0.4 * abs(broken[feature] - untouched)
    assert sum(share.share for share in explanation.features) <= 1.0 + 1e-12


def test_the_formula(model: BaselineModel, correlated: Floats) -> None:
    """The rest is judged without the named features, whose values the rest lets expect."""
    x = correlated[3] + correlated.std(axis=0) * np.linspace(-3.0, 3.0, 12)
    axes = model.space.axes
    covariance = (axes.vectors * model.space.inside) @ axes.vectors.T
    precision = np.linalg.inv(covariance)
    std = correlated.std(axis=0, ddof=1)
    z = (x - correlated.mean(axis=0)) / std
    squared = z @ precision @ z
    np.testing.assert_allclose(model.space.statistics(z[None, :])[0, 0], np.sqrt(squared), rtol=1e-6)
    (explanation,) = model.explain(x[None, :], top=12)
    named = np.array([int(feature.name.removeprefix("sensor_")) - 1 for feature in explanation.features])
    rest = np.setdiff1d(np.arange(12), named)
    given = np.linalg.solve(covariance[np.ix_(rest, rest)], z[rest])
    expected = covariance[np.ix_(named, rest)] @ given
    for feature, j, value in zip(explanation.features, named, expected, strict=True):
        assert feature.deviation == pytest.approx(z[j] - value, rel=1e-6)
        assert feature.expected == pytest.approx(correlated.mean(axis=0)[j] + value * std[j], rel=1e-6)
    joint = sum(feature.share for feature in explanation.features)
    assert joint == pytest.approx(1.0 - z[rest] @ given / squared, rel=1e-6)
    shares = [feature.share for feature in explanation.features]
    assert shares == sorted(shares, reverse=True)
    assert min(shares) > 0.0


@pytest.mark.parametrize("size", [-5.0, 5.0])
@pytest.mark.parametrize("count", [2, 3])
def test_faults_of_several_sensors_are_told_apart(
    model: BaselineModel, correlated: Floats, count: int, size: float
) -> None:
    generator = np.random.default_rng(count)
    hits = 0
    for row in range(0, 300, 3):
        broken = correlated[row].copy()
        causes = generator.choice(12, count, replace=False)
        broken[causes] += size * correlated.std(axis=0)[causes]
        (explanation,) = model.explain(broken[None, :])
        named = {feature.name for feature in explanation.features[:count]}
        hits += len(named & {f"sensor_{j + 1}" for j in causes})
    assert hits >= 0.95 * 100 * count


def test_a_healthy_rest_is_not_named(model: BaselineModel, correlated: Floats) -> None:
    broken = correlated[::3].copy()
    broken[:, 4] += 10.0 * correlated[:, 4].std()
    named = [len(explanation.features) for explanation in model.explain(broken)]
    assert np.mean(named) < 1.2


@settings(max_examples=30, deadline=None)
@given(
    row=st.integers(0, 299),
    causes=st.sets(st.integers(0, 11), min_size=1, max_size=4),
    missing=st.sets(st.integers(0, 11), max_size=4),
)
def test_a_missing_sensor_is_never_named_and_the_others_are_judged_without_it(
    model: BaselineModel, correlated: Floats, row: int, causes: set[int], missing: set[int]
) -> None:
    broken = correlated[row].copy()
    broken[list(causes)] += 12.0 * correlated.std(axis=0)[list(causes)]
    broken[list(missing)] = np.nan
    (explanation,) = explained(model, broken[None, :])
    named = [int(feature.name.removeprefix("sensor_")) - 1 for feature in explanation.features]
    assert not set(named) & missing
    covariance = (model.space.axes.vectors * model.space.inside) @ model.space.axes.vectors.T
    seen = np.setdiff1d(np.arange(12), [*missing])
    rest = np.setdiff1d(seen, named)
    z = (broken - model.mean) / model.std - model.space.centre
    squared = z[seen] @ np.linalg.solve(covariance[np.ix_(seen, seen)], z[seen])
    left = z[rest] @ np.linalg.solve(covariance[np.ix_(rest, rest)], z[rest]) if rest.size else 0.0
    shares = sum(feature.share for feature in explanation.features)
    assert shares == pytest.approx(1.0 - left / squared, abs=1e-6)
    for feature in explanation.features:
        assert np.isfinite([feature.observed, feature.expected, feature.deviation, feature.share]).all()


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 1000), shift=st.integers(-12, 12))
def test_order_and_units_of_the_features_do_not_matter(correlated: Floats, seed: int, shift: int) -> None:
    generator = np.random.default_rng(seed)
    broken = correlated[[7, 99, 200]].copy()
    broken[:, generator.choice(12, 2, replace=False)] += 6.0 * correlated.std()
    order = generator.permutation(12)
    unit = 2.0**shift
    names = np.array([f"sensor_{place}" for place in range(12)])
    config = EngineConfig(scaling="standard", imax=1)
    one = fit_baseline(correlated, config, feature_names=names.tolist())
    other = fit_baseline(correlated[:, order] * unit, config, feature_names=names[order].tolist())
    pairs = zip(one.explain(broken), other.explain(broken[:, order] * unit), strict=True)
    for first, second in pairs:
        assert [share.name for share in first.features] == [share.name for share in second.features]
        for left, right in zip(first.features, second.features, strict=True):
            assert left.deviation == pytest.approx(right.deviation, rel=1e-6)
            assert left.share == pytest.approx(right.share, rel=1e-6)
            assert left.expected * unit == pytest.approx(right.expected, rel=1e-6)


def test_more_features_than_samples() -> None:
    """The precision is never built: rows of it suffice."""
    model = fit_baseline(spectra(60, 0), EngineConfig(), feature_names=[f"f_{i}" for i in range(128)])
    assert model.space.axes.values.size < 64
    broken = spectra(20, 2)
    broken[:, [5, 40, 110]] += [1.0, -1.0, 1.0]
    for explanation in model.explain(broken):
        named = {feature.name: feature.deviation for feature in explanation.features[:3]}
        assert set(named) == {"f_5", "f_40", "f_110"}
        assert named["f_5"] > 0.0 > named["f_40"]


def test_an_absurd_value_leaves_no_rounding_errors_to_name(model: BaselineModel, correlated: Floats) -> None:
    broken = correlated[:2].copy()
    broken[0, 2] = 1e200
    broken[1, [1, 2]] = [broken[1, 1] + 30.0 * correlated[:, 1].std(), -9999e3]
    first, second = model.explain(broken)
    assert [feature.name for feature in first.features] == ["sensor_3"]
    assert {"sensor_2", "sensor_3"} == {feature.name for feature in second.features[:2]}


def test_the_cause_is_said(model: BaselineModel, correlated: Floats) -> None:
    assert model.explain(correlated[:1])[0].as_dict()["cause"] == "distance"
    causes = ["neighbour", "residual"]
    said = [explanation.cause for explanation in model.explain(correlated[:2], causes=causes)]
    assert said == causes


def test_a_moving_average_that_alarmed_is_explained_by_what_it_averages(
    model: BaselineModel, correlated: Floats
) -> None:
    later = correlated[:60].copy()
    later[:, 3] += 0.8 * correlated[:, 3].std() * np.r_[np.zeros(20), np.ones(40)]
    averages = model.averages(later)
    assert averages is not None
    scores = model.score(later)
    alarmed = np.flatnonzero(scores.anomaly & (scores.cause == "average"))
    assert alarmed.size
    for explanation in model.explain(
        later[alarmed], causes=scores.cause[alarmed].tolist(), averages=averages[alarmed]
    ):
        first = explanation.features[0]
        assert explanation.cause == "average"
        assert first.name == "sensor_4"
        assert 0.2 < first.deviation < 1.2
    # Whatever chunk a sample comes in, its average is the same.
    state = model.advance(later[:30])
    np.testing.assert_array_equal(model.averages(later[30:], state), averages[30:])


def explained(model: BaselineModel, x: Floats) -> list[Explanation]:
    space = Space(model.space, model.space_limit)
    return explain(x, model.scaling.standardise(x), model.features, model.scaling, space, 5)


def spectra(n: int, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    bins = np.arange(128)
    peaks = sum(np.exp(-(((bins - centre) / 4.0) ** 2)) for centre in (20, 60, 100))
    return np.asarray(
        peaks * generator.uniform(0.8, 1.2, (n, 1)) + 0.05 * generator.standard_normal((n, 128))
    )


def test_a_band_of_a_spectrum_is_named() -> None:
    model = fit_baseline(spectra(200, 0), EngineConfig(), feature_names=[f"f_{i}" for i in range(128)])
    broken = spectra(3, 1)
    broken[:, 75:83] += 0.5
    for explanation in model.explain(broken):
        band = explanation.bands[0]
        assert abs(int(band.first.removeprefix("f_")) - 75) <= 2
        assert abs(int(band.last.removeprefix("f_")) - 82) <= 2
        assert band.deviation > 0.0
        assert band.share > 0.8
        document = explanation.as_dict()
        assert len(document["features"]) == 5
        assert set(document["bands"][0]) == {"from", "to", "share", "deviation", "peak"}
