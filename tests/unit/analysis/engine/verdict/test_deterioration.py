"""Wear: its series, in feature space and per regime, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import (
    BaselineModel,
    Deterioration,
    EngineConfig,
    EngineError,
    Regime,
    deterioration,
    fit_baseline,
    latest_wear,
    open_table,
    read_all,
)

Floats = NDArray[np.float64]
ONE = (Regime(100, 0.0, 0.0, 2.0, 0.5),)
TWO = (Regime(60, -1.0, 0.0, 2.0, 0.5), Regime(40, 1.0, 0.0, 5.0, 2.0))


def at_centre(samples: int) -> Floats:
    return np.zeros((samples, 2))


def test_wear_is_the_distance_above_normal_in_its_standard_deviations() -> None:
    found = deterioration([1.0, 1.0, 0.0], at_centre(3), np.array([3.0, 4.0, 2.0]), ONE, failing=6.0)
    assert found.labels == (0.0, 1.0)
    np.testing.assert_allclose(found.wear, [0.0, 3.0])
    assert found.counts.tolist() == [1, 2]


def test_each_regime_has_its_own_normal() -> None:
    places = np.array([[-0.9, 0.1], [1.2, 0.0], [-1.1, 0.0], [0.9, -0.1]])
    distances = np.array([2.5, 7.0, 3.0, 9.0])
    found = deterioration(np.arange(4.0), places, distances, TWO, failing=6.0)
    np.testing.assert_allclose(found.wear, [1.0, 1.0, 2.0, 2.0])
    assert [(regime.monitored, regime.latest) for regime in found.regimes] == [(2, 1.5), (2, 1.5)]


def test_texts_keep_their_order_of_appearance() -> None:
    days = ["monday", "friday", "monday", "april"]
    found = deterioration(days, at_centre(4), np.full(4, 2.0), ONE, failing=6.0)
    assert found.labels == ("monday", "friday", "april")
    assert found.counts.tolist() == [2, 1, 1]
    assert found.positions.tolist() == [0.0, 1.0, 2.0]


def test_an_unordered_column_is_rejected() -> None:
    with pytest.raises(EngineError, match="order value"):
        deterioration([1.0, float("nan")], at_centre(2), np.ones(2), ONE, failing=6.0)
    with pytest.raises(EngineError, match="order values"):
        deterioration([1.0], at_centre(2), np.ones(2), ONE, failing=6.0)


def worn(samples: int = 120, seed: int = 0) -> tuple[Floats, Floats, Floats]:
    """Order, places in two regimes at random, and distances that grow in both."""
    generator = np.random.default_rng(seed)
    order = np.arange(float(samples))
    second = generator.random(samples) < 0.4
    places = np.where(second[:, None], [1.0, 0.0], [-1.0, 0.0]) + 0.05 * generator.standard_normal(
        (samples, 2)
    )
    noise = generator.standard_normal(samples) + 4.0 * order / samples
    return order, places, np.where(second, 5.0 + 2.0 * noise, 2.0 + 0.5 * noise)


def same(first: Deterioration, second: Deterioration) -> bool:
    return json.dumps(first.as_dict()) == json.dumps(second.as_dict())


def test_samples_that_were_not_judged_are_left_out() -> None:
    order, places, distances = worn()
    whole = deterioration(order, places, distances, TWO, failing=6.0)
    gaps = np.sort(np.random.default_rng(1).choice(150, 120, replace=False))
    longer, positions, known = np.full(150, -1.0), np.full((150, 2), np.nan), np.full(150, np.nan)
    longer[gaps], positions[gaps], known[gaps] = order, places, distances
    assert same(deterioration(longer, positions, known, TWO, failing=6.0), whole)
    assert latest_wear(positions, known, TWO) == latest_wear(places, distances, TWO) == whole.latest
    assert latest_wear(positions[:1], known[:1] * np.nan, TWO) is None
    with pytest.raises(EngineError, match="none of the 2 samples was judged"):
        deterioration([1.0, 2.0], at_centre(2), np.full(2, np.nan), ONE, failing=6.0)


def test_the_order_of_samples_does_not_matter() -> None:
    order, places, distances = worn()
    days = np.floor(order / 7.0)
    # Nor do the chunks in which they were scored, since their columns are joined.
    whole = deterioration(days, places, distances, TWO, failing=6.0)
    mixed = np.random.default_rng(2).permutation(order.size)
    assert same(deterioration(days[mixed], places[mixed], distances[mixed], TWO, failing=6.0), whole)


def test_neither_the_unit_of_the_distance_nor_that_of_the_column_matters() -> None:
    order, places, distances = worn()
    whole = deterioration(order, places, distances, TWO, failing=6.0)
    larger = [Regime(each.samples, each.x, each.y, 8.0 * each.distance, 8.0 * each.spread) for each in TWO]
    np.testing.assert_array_equal(
        deterioration(order, places, 8.0 * distances, larger, failing=6.0).wear, whole.wear
    )
    later = deterioration(60.0 * order + 1e6, places, distances, TWO, failing=6.0)
    assert later.trend.p_value == pytest.approx(whole.trend.p_value)
    assert later.trend.slope == pytest.approx(whole.trend.slope / 60.0)
    assert whole.trend.crossing is not None
    assert later.trend.crossing == pytest.approx(60.0 * whole.trend.crossing + 1e6)


@pytest.fixture
def turbofan(data: Path) -> list[tuple[BaselineModel, Floats]]:
    """Three engines of one flight regime and three of six, with the cycles after their baseline."""
    config = EngineConfig(end_meta="cycle", start_dim="setting_1", end_dim="sensor_21")
    found = []
    for name in ("turbofan-units-001-050.csv", "turbofan-fd002-units-001-040.csv.gz"):
        path = data / name
        if not path.exists():
            pytest.skip(f"{name} is not here")
        with open_table(path, name=name, config=config) as reader:
            table = read_all(reader, file=name)
            features = reader.features
        units = np.array([entry["unit"] for entry in table.metadata])
        for unit in (1, 8, 30):
            x = table.features[units == unit]
            found.append((fit_baseline(x[:30], config, feature_names=features), x[30:]))
    return found


def test_engines_that_run_to_failure_deteriorate_in_every_flight_regime(
    turbofan: list[tuple[BaselineModel, Floats]],
) -> None:
    """This tests six units; the benchmark prints all ninety."""
    for model, later in turbofan:
        scores = model.score(later)
        places, order = np.stack([scores.x, scores.y], axis=1), np.arange(len(later), dtype=np.float64)
        regimes, limit = model.regimes(), model.config.failing_wear
        found = deterioration(order, places, scores.distance, regimes, failing=limit)
        assert np.median(found.wear[-20:]) > np.median(found.wear[:20])
        assert found.trend.significant
        assert found.trend.slope > 0.0
        # The same cycles in another order are no trend.
        mixed = np.random.default_rng(0).permutation(len(later))
        chance = deterioration(order, places[mixed], scores.distance[mixed], regimes, failing=limit)
        assert not chance.trend.significant
        json.dumps(found.as_dict(), allow_nan=False)


def test_a_baseline_tells_its_regimes(turbofan: list[tuple[BaselineModel, Floats]]) -> None:
    counts = [len(model.regimes()) for model, _ in turbofan]
    assert counts[:3] == [1, 1, 1]
    assert all(4 <= count <= 6 for count in counts[3:])
    for model, _ in turbofan:
        stored = json.loads(json.dumps(model.results()["regimes"], allow_nan=False))
        assert tuple(Regime.from_dict(each) for each in stored) == model.regimes()
        assert sum(regime.samples for regime in model.regimes()) <= 30
