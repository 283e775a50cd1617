"""The resolution of features comes from their digits, and no verdict trusts what it hides."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import BaselineModel, EngineConfig, Scores, SequenceState, fit_baseline
from services.analysis.engine.resolution import MAX_PLACES, baseline_places, places, steps, stretches

Floats = NDArray[np.float64]

NAMES = tuple("abcdefgh")


def plant(rows: int, seed: int) -> Floats:
    """Eight sensors that three factors move together, one of them hardly at all."""
    generator = np.random.default_rng(seed)
    gains = np.random.default_rng(100).normal(size=(3, 8))
    gains[:, 7] *= 0.004
    noise = np.full(8, 0.3)
    noise[7] = 0.002
    return np.asarray(
        20.0 + generator.normal(size=(rows, 3)) @ gains + noise * generator.normal(size=(rows, 8))
    )


@pytest.fixture(scope="module")
def model() -> BaselineModel:
    return fit_baseline(plant(500, 1).round(6), EngineConfig(optimizer="lbfgs"), feature_names=NAMES)


def test_places_are_those_of_the_finest_value() -> None:
    x = np.array(
        [
            [5.0, 4.3, 4.3, 0.1 + 0.2, 1e-7, -12345.678, 1e15, np.nan, 0.0],
            [1200.0, 4.0, 4.37, 0.3, 2e-7, 1.5, 3.0, 0.25, 0.0],
        ]
    )
    assert places(x).tolist() == [0, 1, 2, 1, 7, 3, MAX_PLACES + 1, 2, 0]
    assert steps(places(x))[[0, 2, 6]].tolist() == [1.0, 0.01, 0.0]


@pytest.mark.parametrize("unit", [1e-300, 1e-30, 1e30, 1e300])
def test_measurements_in_any_unit_are_continuous(unit: float) -> None:
    x = np.random.default_rng(0).standard_normal((50, 3)) * unit
    assert (steps(places(x)) == 0.0).all()


def test_a_file_shows_its_resolution_in_any_chunking() -> None:
    base = baseline_places(plant(400, 1).round(4))
    x = plant(60, 2).round(4)
    x[:, 2] = x[:, 2].round(1)
    x[:40, 5] = x[:40, 5].round(2)

    def coarse(borders: list[int]) -> NDArray[np.bool_]:
        seen, count, found = np.zeros(8, dtype=np.int64), 0, []
        for part in np.split(x, borders):
            stretched = stretches(part, base, seen, count)
            assert [stretch.rows.start for stretch in stretched[1:]] == [s.rows.stop for s in stretched[:-1]]
            found += [np.tile(s.coarser, (s.rows.stop - s.rows.start, 1)) for s in stretched]
            seen, count = stretched[-1].places, count + len(part)
        return np.concatenate(found)

    whole = coarse([])
    assert whole[10:, 2].all()
    assert whole[10:40, 5].all()
    assert not whole[40:, 5].any()
    assert not whole[10:, [0, 1, 3, 4, 6, 7]].any()
    for borders in ([1], [3, 5, 40], [39, 41], list(range(1, 60))):
        np.testing.assert_array_equal(coarse(borders), whole)


def test_a_coarser_file_of_a_healthy_machine_is_no_fault(model: BaselineModel) -> None:
    healthy = plant(400, 3)
    assert model.score(healthy.round(6)).coarser == ()
    # The last sensor varies by thousandths, of which two decimal places show nothing.
    found = model.score(healthy.round(2))
    assert found.coarser == NAMES
    assert found.anomaly.mean() < 0.02
    assert found.summary.results()["coarser_features"] == list(NAMES)


def test_a_fault_is_found_in_a_coarser_file_and_named(model: BaselineModel) -> None:
    faulty = plant(100, 4)
    faulty[50:, 3] += 4.0
    rounded = faulty.round(2)
    found = model.score(rounded)
    assert found.anomaly[50:].all()
    assert found.anomaly[:50].mean() < 0.1
    explained = model.explain(rounded[50:], state=found.state)
    assert np.mean([explanation.features[0].name == "d" for explanation in explained]) > 0.9


def test_a_sensor_stuck_at_a_round_value_is_not_excused(model: BaselineModel) -> None:
    stuck = plant(100, 5).round(6)
    stuck[:, 2] = 0.0
    assert model.score(stuck).anomaly.all()


def test_a_coarser_file_counts_the_same_in_any_chunking(model: BaselineModel) -> None:
    x = plant(80, 6).round(2)
    whole = model.score(x)
    state: SequenceState | None = None
    parts: list[Scores] = []
    for part in np.split(x, [1, 4, 30]):
        scores = model.score(part, state)
        state = SequenceState.from_dict(json.loads(json.dumps(scores.state.as_dict())))
        assert model.advance(part, parts[-1].state if parts else None) == scores.state
        parts.append(scores)
    assert state == whole.state
    np.testing.assert_allclose(np.concatenate([part.distance for part in parts]), whole.distance, rtol=1e-12)
    assert parts[-1].coarser == whole.coarser


def test_a_constant_that_is_rounded_has_not_moved() -> None:
    x = plant(200, 7)
    x[:, 4] = 5.123456
    model = fit_baseline(x.round(6), EngineConfig(optimizer="lbfgs"), feature_names=NAMES)
    later = plant(60, 8).round(2)
    later[:, 4] = 5.12
    assert model.score(later).anomaly[10:].mean() < 0.1
    later[:, 4] = 5.25
    moved = model.score(later)
    assert moved.anomaly.all()
    assert set(moved.cause) == {"constant"}
