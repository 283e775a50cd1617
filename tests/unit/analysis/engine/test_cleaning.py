"""Cells that no sensor measured: found, named, and without influence on what is learnt."""

import numpy as np
import pytest

from services.analysis.engine import EngineConfig, fit_baseline
from services.analysis.engine.cleaning import GrossCell, gross_cells, resolution
from services.analysis.engine.config import DETECTORS
from tools.demo.rig import record_normal

NAMES = list("abcdef")


def plant(rows: int, seed: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    gains = np.random.default_rng(100).normal(size=(2, 6))
    return 50 + generator.normal(size=(rows, 2)) @ gains + 0.5 * generator.normal(size=(rows, 6))


@pytest.mark.parametrize("value", [-9999.0, 1e6, -1e30])
@pytest.mark.parametrize("detector", DETECTORS)
def test_a_loggers_mark_does_not_blind_the_sensor(detector: str, value: float) -> None:
    x, faulty = plant(200, 1), plant(40, 2)
    x[10, 2] = value
    faulty[-5:, 2] += 12.0
    config = EngineConfig(detector=detector)
    model = fit_baseline(x, config, feature_names=NAMES)
    x[10, 2] = np.nan
    without = fit_baseline(x, config, feature_names=NAMES)
    assert f"c = {value:g} in sample 11." in " ".join(model.report.advice)
    np.testing.assert_array_equal(model.std, without.std)
    np.testing.assert_array_equal(model.baseline_distances, without.baseline_distances)
    if detector != "map_mahalanobis":
        assert model.score(faulty).anomaly[-5:].all()


def test_several_marks_are_named_one_by_one() -> None:
    x = plant(300, 3)
    x[7, 1] = x[7, 4] = x[200, 0] = -9999.0
    assert gross_cells(x) == [
        GrossCell(7, 1, -9999.0),
        GrossCell(7, 4, -9999.0),
        GrossCell(200, 0, -9999.0),
    ]


def test_a_mark_in_a_constant_sensor_leaves_it_constant() -> None:
    x = plant(200, 4)
    x[:, 5] = 5.0
    x[20, 5] = -9999.0
    model = fit_baseline(x, EngineConfig(), feature_names=NAMES)
    assert model.dropped_features == ("f",)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 10, 20])
@pytest.mark.parametrize("value", [-9999.0, 0.0, 65535.0])
def test_up_to_a_tenth_of_marks_do_not_blind_the_sensor(value: float, count: int) -> None:
    x, faulty = plant(200, 1), plant(40, 2)
    x[np.random.default_rng(count).choice(200, count, replace=False), 2] = value
    faulty[-5:, 2] += 12.0
    model = fit_baseline(x, EngineConfig(), feature_names=NAMES)
    found = model.score(faulty).anomaly
    assert found[-5:].all()
    assert not found[:-5].any()
    assert f"c = {value:g} in sample" in " ".join(model.report.advice)


def test_marks_of_a_logger_that_lost_all_sensors_are_found() -> None:
    x = plant(200, 8)
    lost = [3, 50, 51, 52, 120, 199]
    x[lost] = -9999.0
    x[7, 1], x[9, 1] = 9999.0, -9999.0
    found = gross_cells(x)
    assert {cell.row for cell in found} == {7, 9, *lost}
    assert len(found) == 6 * len(lost) + 2


def test_a_machine_that_stands_still_is_no_error() -> None:
    x = plant(300, 9)
    off = np.arange(300) % 15 == 0
    x[off] = np.array([0.0, 1.0, 0.0, 21.0, 2.0, 0.0]) + 0.01 * plant(int(off.sum()), 10)
    assert gross_cells(x) == []


def test_a_load_that_is_seldom_run_is_no_error() -> None:
    assert gross_cells(record_normal(2100, np.random.default_rng(1)).spectra) == []


def test_states_and_heavy_tails_are_no_errors() -> None:
    generator = np.random.default_rng(5)
    x = np.column_stack(
        [
            generator.lognormal(0.0, 1.0, 5000),
            (np.arange(5000) == 77).astype(float),  # a status that was set once
            np.where(np.arange(5000) % 50 == 0, 1e5, 1.0),  # one sample in fifty is a state
            generator.standard_t(3, 5000),
        ]
    )
    assert gross_cells(x) == []


@pytest.mark.parametrize("config", [EngineConfig(landmarks=50), EngineConfig(ewma=0.2), EngineConfig()])
def test_the_sample_of_a_mark_is_judged_by_its_other_sensors(config: EngineConfig) -> None:
    x = plant(120, 6)
    x[60, 3] = 1e9
    model = fit_baseline(x, config, feature_names=NAMES)
    assert np.isfinite(model.coordinates).all()
    assert model.baseline_distances[60] < 2 * model.threshold
    assert 61 not in model.report.outliers


def test_a_sample_of_marks_has_a_place_and_no_influence() -> None:
    x = plant(120, 6)
    x[60, :5] = 1e9
    model = fit_baseline(x, EngineConfig(), feature_names=NAMES)
    assert np.isfinite(model.coordinates).all()
    assert model.baseline_distances[60] > 100 * model.threshold
    assert np.delete(model.baseline_distances, 60).max() < 2 * model.threshold
    assert model.report.outliers == (61,)


def test_resolution_is_the_last_decimal_place() -> None:
    values = np.array([0.0, 5.0, 1200.0, 4.37, -0.5, 0.1 + 0.2, 1e-7, 123456.25])
    np.testing.assert_allclose(resolution(values), [1.0, 1.0, 1.0, 0.01, 0.1, 0.1, 1e-7, 0.01])
