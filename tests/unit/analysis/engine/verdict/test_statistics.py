"""What the distance alone does not see: narrow faults, and constant features that move."""

import json
from dataclasses import replace

import numpy as np
import pytest

from services.analysis.engine import BaselineModel, EngineConfig, fit_baseline, pack_model, unpack_model
from services.analysis.engine.config import DETECTORS
from services.analysis.engine.verdict.threshold import joint_distance

BINS = 256


def spectra(rows: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    shape = 1.0 + np.exp(-(((np.arange(BINS) - 90.0) / 12.0) ** 2))
    samples: np.ndarray = shape * generator.uniform(0.8, 1.2, (rows, 1)) + 0.05 * generator.standard_normal(
        (rows, BINS)
    )
    return samples


@pytest.fixture(scope="module")
def model() -> BaselineModel:
    return fit_baseline(spectra(300, 1), EngineConfig(), feature_names=[f"f_{bin}" for bin in range(BINS)])


def test_one_bin_among_many_is_found_and_named(model: BaselineModel) -> None:
    samples = spectra(60, 2)
    samples[30:, 200] += 8 * 0.05
    assert model.score(samples).anomaly[30:].all()
    assert model.score(samples).anomaly[:30].sum() <= 1
    distance_alone = replace(model, statistics=model.statistics[:1], limits=model.limits[:1])
    assert distance_alone.score(samples).anomaly[30:].mean() < 0.5
    assert {sample.features[0].name for sample in model.explain(samples[30:])} == {"f_200"}


def test_the_statistics_together_raise_no_more_false_alarms(model: BaselineModel) -> None:
    normal = spectra(3000, 3)
    assert model.score(normal).anomaly.mean() < 0.02


def test_a_model_stored_before_there_were_limits_judges_by_the_distance(model: BaselineModel) -> None:
    stored = pack_model(model)
    document = json.loads(stored["document"].tobytes())
    del document["statistics"]
    stored["document"] = np.frombuffer(json.dumps(document).encode(), dtype=np.uint8)
    for name in ("limits", "places"):
        del stored[name]
    old = unpack_model(stored)
    samples = spectra(20, 4)
    np.testing.assert_array_equal(
        old.score(samples).distance, model.space.statistics(model._observed(samples, None))[:, 0]
    )


def test_the_joint_distance_is_the_largest_share_in_units_of_the_first() -> None:
    statistics = np.array([[1.0, 1.0], [1.0, 6.0], [8.0, 1.0]])
    np.testing.assert_allclose(joint_distance(statistics, np.array([4.0, 2.0])), [2.0, 12.0, 8.0])


def constant_at(value: float) -> tuple[np.ndarray, np.ndarray]:
    generator = np.random.default_rng(7)
    x, later = generator.normal(size=(200, 6)), generator.normal(size=(40, 6))
    x[:, 5] = later[:, 5] = value
    return x, later


@pytest.mark.parametrize("detector", DETECTORS)
@pytest.mark.parametrize(
    ("value", "moved"), [(5.0, 500.0), (0.0, 1.0), (0.0, 0.3), (4.37, 4.38), (1e6, -1e6)]
)
def test_a_constant_that_moves_is_an_anomaly(value: float, moved: float, detector: str) -> None:
    x, later = constant_at(value)
    later[-5:, 5] = moved
    model = fit_baseline(x, EngineConfig(detector=detector), feature_names=list("abcdef"))
    scores = model.score(later)
    assert scores.anomaly[-5:].all()
    assert scores.anomaly[:-5].sum() <= 2
    share = model.explain(later[-1:])[0].features[0]
    assert (share.name, share.expected, share.observed) == ("f", value, moved)
    assert np.sign(share.deviation) == np.sign(moved - value)


@pytest.mark.parametrize("value", [0.1 + 0.2, 5.0, 0.0])
def test_a_constant_that_stays_but_for_rounding_is_none(value: float) -> None:
    x, later = constant_at(value)
    later[:, 5] = value * (1 + 1e-12)
    model = fit_baseline(x, EngineConfig(), feature_names=list("abcdef"))
    assert model.score(later).anomaly.sum() <= 2


def test_severity_grows_with_the_steps_of_the_constant() -> None:
    x, later = constant_at(5.0)
    later[:4, 5] = [6.0, 14.0, 104.0, 1e9]
    scores = fit_baseline(x, EngineConfig(), feature_names=list("abcdef")).score(later)
    np.testing.assert_allclose(scores.ratio[:3], [1.30, 2.0, 3.0], atol=0.01)
    assert scores.severity[:4].tolist() == ["low", "high", "critical", "critical"]


def test_a_constant_that_moved_counts_the_same_in_any_chunking() -> None:
    x, later = constant_at(5.0)
    later[3, 5] = 7.0
    model = fit_baseline(x, EngineConfig(ewma=0.2), feature_names=list("abcdef"))
    whole = model.score(later)
    first = model.score(later[:7])
    second = model.score(later[7:], first.state)
    np.testing.assert_array_equal(whole.ratio, np.concatenate([first.ratio, second.ratio]))
