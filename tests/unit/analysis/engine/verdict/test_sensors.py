"""Features that a baseline cannot judge are found, said, and do not alarm by themselves."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import (
    BaselineModel,
    ConfigError,
    EngineConfig,
    fit_baseline,
    pack_model,
    unpack_model,
)
from services.analysis.engine.verdict.sensors import assign_roles, sensor_facts

Floats = NDArray[np.float64]

CONFIG = EngineConfig(imax=20)
BASELINE = 400


def plant(rows: int, seed: int, *extra: Floats) -> Floats:
    """Eight sensors that share two factors, and more columns."""
    generator = np.random.default_rng(seed)
    gains = np.random.default_rng(0).standard_normal((2, 8))
    sensors = generator.standard_normal((rows, 2)) @ gains + 0.3 * generator.standard_normal((rows, 8))
    return np.column_stack([20.0 + sensors, *extra])


def season(rows: int, first: int = 0) -> Floats:
    """An ambient temperature that rises from winter to summer, during the baseline and after it."""
    time = (first + np.arange(rows)) / BASELINE
    return np.asarray(10.0 + 12.0 * time + 0.3 * np.random.default_rng(first).standard_normal(rows))


def fitted(x: Floats, config: EngineConfig = CONFIG) -> BaselineModel:
    names = [f"sensor {place}" for place in range(x.shape[1])]
    return fit_baseline(x, config, feature_names=names)


def entry(model: BaselineModel, name: str) -> dict[str, object]:
    return dict(next(each for each in model.results()["sensors"] if each["name"] == name))


def rate(model: BaselineModel, x: Floats) -> float:
    return float(model.score(x).anomaly.mean())


@pytest.mark.parametrize("drives", [False, True])
def test_a_sensor_that_wanders_is_context_and_does_not_fill_the_night(drives: bool) -> None:
    gain = np.r_[np.full(4, 0.08), np.zeros(4)] if drives else np.zeros(8)

    def made(rows: int, first: int) -> Floats:
        ambient = season(rows, first)
        return np.column_stack([plant(rows, first + 1) + np.outer(ambient, gain), ambient])

    model, later = fitted(made(BASELINE, 0)), made(800, BASELINE)
    judged = fitted(made(BASELINE, 0), replace(CONFIG, roles={"sensor 8": "judged"}))
    said = entry(model, "sensor 8")
    assert said["role"] == "context"
    assert said["why"]["code"] == "role_wanders"  # type: ignore[index]  # a document of any shape
    assert "sensor 8" in said["why"]["text"]  # type: ignore[index]
    assert rate(model, later) < 0.05 < 0.3 < rate(judged, later)
    # A fault of another sensor is found as before, and the context is not what explains it.
    faulty = later.copy()
    faulty[:, 3] += 5.0 * model.std[3]
    assert rate(model, faulty) > 0.95
    explained = model.explain(faulty)
    for explanation in explained:
        assert "sensor 8" not in {feature.name for feature in explanation.features}
        assert sum(feature.share for feature in explanation.features) <= 1.0 + 1e-12
    assert np.mean([explanation.features[0].name == "sensor 3" for explanation in explained]) > 0.95


def test_the_distance_given_the_context_is_that_of_the_conditional_distribution() -> None:
    x = plant(BASELINE, 1, season(BASELINE))
    x[:, :8] += 0.5 * x[:, 8:]
    space = fitted(x, replace(CONFIG, roles={"sensor 8": "context"})).space
    assert space.context.tolist() == [8]
    covariance = (space.axes.vectors * (space.inside - space.floor)) @ space.axes.vectors.T
    covariance += space.floor * np.eye(9)
    z = np.random.default_rng(2).standard_normal((5, 9)) * 3.0
    centred = z - space.axes.mean
    slope = covariance[:8, 8] / covariance[8, 8]
    rest = centred[:, :8] - np.outer(centred[:, 8], slope)
    conditional = covariance[:8, :8] - np.outer(slope, covariance[8, :8])
    expected = np.sqrt(np.einsum("ij,ij->i", rest, np.linalg.solve(conditional, rest.T).T))
    np.testing.assert_allclose(space.statistics(z)[:, 0], expected, rtol=1e-6)
    # Whatever else is in the chunk.
    np.testing.assert_allclose(space.statistics(z)[2:3], space.statistics(z[2:3]), rtol=1e-12)


def test_a_counter_and_a_sensor_that_is_mostly_missing_are_ignored() -> None:
    x = plant(
        BASELINE, 1, np.arange(BASELINE, dtype=float) ** 1.1, np.random.default_rng(5).normal(size=BASELINE)
    )
    x[: int(0.6 * BASELINE), 9] = np.nan
    names = [f"sensor {place}" for place in range(10)]
    roles = assign_roles(names, sensor_facts(x), CONFIG)
    assert [role.role for role in roles] == ["judged"] * 8 + ["ignored"] * 2
    assert [role.why.code for role in roles[8:] if role.why] == ["role_counter", "role_missing"]
    model = fitted(x[:, :9])
    later = plant(200, 2, 1e6 + np.arange(200, dtype=float))
    assert rate(model, later) < 0.05
    assert entry(model, "sensor 8")["role"] == "ignored"


def test_steady_sensors_switches_and_constants_are_judged() -> None:
    switch = (np.arange(BASELINE) // 20 % 2).astype(float)
    model = fitted(plant(BASELINE, 1, switch, np.full(BASELINE, 5.0)))
    assert {sensor["role"] for sensor in model.sensors} == {"judged"}
    assert model.dropped_features == ("sensor 9",)


def test_too_short_a_baseline_is_not_mended_by_roles() -> None:
    """If much of the machine wanders, everything would be context and nothing judged."""
    wandering = [season(BASELINE, 7 * place) for place in range(4)]
    assert {sensor["role"] for sensor in fitted(plant(BASELINE, 1, *wandering)).sensors} == {"judged"}


def test_roles_can_be_configured() -> None:
    x = plant(BASELINE, 1)
    model = fitted(x, replace(CONFIG, roles={"sensor 2": "ignored", "sensor 5": "context"}))
    broken = plant(100, 2)
    broken[:, [2, 5]] += 1e3
    assert entry(model, "sensor 2")["role"] == "ignored"
    assert entry(model, "sensor 5")["why"]["code"] == "role_configured"  # type: ignore[index]
    healthy = plant(100, 2)
    ignored = healthy.copy()
    ignored[:, 2] += 1e3
    np.testing.assert_array_equal(model.score(ignored).distance, model.score(healthy).distance)
    np.testing.assert_array_equal(model.score(ignored).x, model.score(healthy).x)
    for explanation in model.explain(broken):
        assert not {"sensor 2", "sensor 5"} & {feature.name for feature in explanation.features}


@pytest.mark.parametrize("detector", ["t2_spe", "map_mahalanobis"])
def test_detectors_that_know_no_context_ignore_it(detector: str) -> None:
    model = fitted(plant(BASELINE, 1), replace(CONFIG, detector=detector, roles={"sensor 5": "context"}))
    healthy = plant(100, 2)
    other = healthy.copy()
    other[:, 5] += 1e3
    np.testing.assert_array_equal(model.score(other).distance, model.score(healthy).distance)


def test_a_context_that_is_constant_or_an_ignored_constant_is_not_watched() -> None:
    x = plant(BASELINE, 1, np.full(BASELINE, 5.0), np.full(BASELINE, 7.0))
    model = fitted(x, replace(CONFIG, roles={"sensor 8": "context", "sensor 9": "ignored"}))
    assert rate(model, plant(200, 2, np.full(200, 6.0), np.full(200, 700.0))) < 0.05


@pytest.mark.parametrize(
    ("roles", "said"),
    [
        ({f"sensor {place}": "context" for place in range(8)}, "no feature to be judged"),
        ({"sensor 1": "watched"}, "must be one of judged, context, ignored"),
    ],
)
def test_roles_that_cannot_be_are_refused(roles: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        fitted(plant(BASELINE, 1), replace(CONFIG, roles=roles))
    assert refused.value.field == "roles"


def test_roles_of_other_machines_do_not_matter_and_are_said() -> None:
    model = fitted(plant(BASELINE, 1), replace(CONFIG, roles={"pump 77": "ignored"}))
    assert model.results()["unused_roles"] == ["pump 77"]
    assert {sensor["role"] for sensor in model.sensors} == {"judged"}


def test_a_redundant_sensor_names_its_twin() -> None:
    x = plant(BASELINE, 1)
    x = np.column_stack([x, x[:, 3] * 2.0 + 1.0 + 1e-4 * np.random.default_rng(0).normal(size=BASELINE)])
    model = fitted(x, replace(CONFIG, scaling="standard"))
    remarks = {remark["code"]: remark for remark in entry(model, "sensor 8")["remarks"]}  # type: ignore[attr-defined]
    assert remarks["sensor_redundant"]["params"]["partner"] == "sensor 3"


def test_roles_and_sensors_survive_storage() -> None:
    model = fitted(plant(BASELINE, 1, season(BASELINE)), replace(CONFIG, roles={"sensor 1": "ignored"}))
    again = unpack_model(pack_model(model))
    later = plant(100, 2, season(100, BASELINE))
    np.testing.assert_array_equal(model.score(later).distance, again.score(later).distance)
    assert model.explain(later[:5]) == again.explain(later[:5])
    assert json.dumps(again.results()["sensors"]) == json.dumps(model.results()["sensors"])
    assert again.config == model.config
