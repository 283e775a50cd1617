"""A stored model equals the original; results have the agreed names."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import (
    SEVERITIES,
    BaselineModel,
    EngineConfig,
    EngineError,
    fit_baseline,
    pack_model,
    unpack_model,
)
from services.analysis.engine.config import DETECTORS
from services.analysis.engine.verdict.threshold import severities

Floats = NDArray[np.float64]


@pytest.mark.parametrize("detector", DETECTORS)
def test_a_stored_model_is_the_same_model(
    correlated: Floats, names: tuple[str, ...], detector: str, tmp_path: Path
) -> None:
    config = EngineConfig(detector=detector, ewma=0.3, optimizer="lbfgs")
    model = fit_baseline(correlated, config, feature_names=names)
    np.savez(tmp_path / "model.npz", allow_pickle=False, **pack_model(model))
    with np.load(tmp_path / "model.npz", allow_pickle=False) as arrays:
        again = unpack_model(arrays)
    assert (again.config, again.features, again.report) == (model.config, model.features, model.report)
    assert again.results() == model.results()
    moved = correlated[:50] + correlated.std(axis=0)
    mine, theirs = model.score(moved), again.score(moved)
    for name in ("x", "y", "misfit", "distance", "ratio", "anomaly", "severity", "cause"):
        np.testing.assert_array_equal(getattr(mine, name), getattr(theirs, name))
    assert mine.state == theirs.state
    assert model.explain(moved) == again.explain(moved)
    np.testing.assert_array_equal(model.coordinates, again.coordinates)
    np.testing.assert_array_equal(model.baseline_distances, again.baseline_distances)


def test_a_model_of_another_version_is_rejected(model: BaselineModel) -> None:
    arrays = {**pack_model(model), "version": np.array(99)}
    with pytest.raises(EngineError, match="version 99"):
        unpack_model(arrays)


def test_the_same_data_gives_the_same_model(correlated: Floats, names: tuple[str, ...]) -> None:
    config = EngineConfig(landmarks=100)
    first, second = (pack_model(fit_baseline(correlated, config, feature_names=names)) for _ in range(2))
    assert first.keys() == second.keys()
    for name, array in first.items():
        np.testing.assert_array_equal(array, second[name])


def test_results_are_json(model: BaselineModel, correlated: Floats) -> None:
    baseline = json.loads(json.dumps(model.results(), allow_nan=False))
    assert {
        "samples", "features", "dropped_features", "scaling", "scaling_reason", "dmin", "dmax", "w1",
        "cost_per_pair", "iterations", "trustworthiness", "threshold", "readiness", "regimes",
    } <= baseline.keys()  # fmt: skip
    assert baseline["scaling"] == "standard"
    assert baseline["samples"] == 300
    monitoring = json.loads(json.dumps(model.score(correlated).summary.results(), allow_nan=False))
    assert set(monitoring) == {
        "samples", "not_judged", "anomaly_count", "anomaly_fraction", "max_distance", "threshold", "causes",
        "coarser_features",
    }  # fmt: skip


def test_the_threshold_keeps_the_rate_that_is_asked_for(correlated: Floats, names: tuple[str, ...]) -> None:
    config = EngineConfig(false_alarm_rate=0.1, optimizer="lbfgs")
    model = fit_baseline(correlated, config, feature_names=names)
    assert model.threshold == pytest.approx(np.quantile(model.baseline_distances, 0.9))
    assert model.report.expected_false_alarms == pytest.approx(0.1, abs=0.01)
    assert model.report.false_alarms_least < 0.1 < model.report.false_alarms_bound


def test_the_threshold_in_standard_deviations(
    model: BaselineModel, correlated: Floats, names: tuple[str, ...]
) -> None:
    distances = model.baseline_distances
    for sensitivity in (3.0, 1.0):
        config = replace(model.config, sensitivity=sensitivity)
        asked = fit_baseline(correlated, config, feature_names=names)
        assert asked.threshold == pytest.approx(distances.mean() + sensitivity * distances.std(ddof=1))
        # Other thresholds for the same baseline follow from its distances, which do not depend on them.
        np.testing.assert_array_equal(asked.baseline_distances, distances)


def test_a_configuration_stored_with_a_quantile_asks_for_its_rate(model: BaselineModel) -> None:
    arrays = pack_model(model)
    document = json.loads(arrays["document"].tobytes())
    for rule, expected in (("quantile", (None, 0.01)), ("sigma", (3.0, None))):
        old = {**document["config"], "sensitivity": 3.0, "threshold_rule": rule, "quantile": 0.99}
        del old["false_alarm_rate"]
        stored = np.frombuffer(json.dumps({**document, "config": old}).encode(), dtype=np.uint8)
        config = unpack_model({**arrays, "document": stored}).config
        assert config.sensitivity == expected[0]
        assert config.false_alarm_rate == pytest.approx(expected[1])


def test_automatic_scaling_does_not_scale_similar_features(correlated: Floats) -> None:
    alike = correlated / correlated.std(axis=0) * np.linspace(1.0, 9.0, 12)
    names = [f"s{i}x" for i in range(12)]
    results = fit_baseline(alike, EngineConfig(optimizer="lbfgs"), feature_names=names).results()
    assert results["scaling"] == "none"
    assert "factor of 9" in results["scaling_reason"]
    # Sensors in different units are not a spectrum, even if their names are numbered.
    generator = np.random.default_rng(0)
    sensors = generator.standard_normal((80, 40)) * 10.0 ** generator.uniform(-3.0, 3.0, 40)
    named = [f"sensor_{i}" for i in range(40)]
    assert fit_baseline(sensors, EngineConfig(), feature_names=named).scaling.kind == "standard"


def test_severity_bands() -> None:
    ratio = np.array([0.0, 1.0, 1.0001, 1.49, 1.5, 1.99, 2.0, 2.99, 3.0, 1e9])
    expected = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    assert severities(ratio, (1.5, 2.0, 3.0)).tolist() == [SEVERITIES[level] for level in expected]


def test_importing_the_engine_does_not_load_the_compiler() -> None:
    import subprocess
    import sys

    code = "import sys, services.analysis.engine; print(not {'numba', 'scipy.stats'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"


def test_a_model_fits_into_a_small_buffer(model: BaselineModel) -> None:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **pack_model(model))
    assert buffer.tell() < 2_000_000
