"""A simulated fault is identified with its feature, size and sign."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from services.analysis.engine import BaselineModel, EngineConfig, fit_baseline

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
    x = correlated[3] + correlated.std(axis=0) * np.linspace(-3.0, 3.0, 12)
    axes = model.space.axes
    covariance = (axes.vectors * model.space.inside) @ axes.vectors.T
    precision = np.linalg.inv(covariance)
    z = (x - correlated.mean(axis=0)) / correlated.std(axis=0, ddof=1)
    pull = precision @ z
    np.testing.assert_allclose(model.space.statistics(z[None, :])[0, 0], np.sqrt(z @ pull), rtol=1e-6)
    drops = pull**2 / np.diag(precision)
    (explanation,) = model.explain(x[None, :], top=12)
    for feature in explanation.features:
        j = int(feature.name.removeprefix("sensor_")) - 1
        assert feature.share == pytest.approx(drops[j] / drops.sum(), rel=1e-6)
        assert feature.deviation == pytest.approx(pull[j] / precision[j, j], rel=1e-6)
        expected = x[j] - pull[j] / precision[j, j] * correlated[:, j].std(ddof=1)
        assert feature.expected == pytest.approx(expected, rel=1e-6)


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
