"""The baseline map: reference values, every parameter's effect, orientation, determinism."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import check_grad

from services.analysis.engine import EngineConfig, fit_baseline, open_table, read_all
from services.analysis.engine.map.distances import distance_range, squared_distances
from services.analysis.engine.map.mapping import MapFit, fit_map
from services.analysis.engine.map.orientation import canonical
from services.analysis.engine.map.quality import trustworthiness
from services.analysis.engine.map.start import implied_radius, principal_plane, random_disk
from services.analysis.engine.optimisers import Objective
from services.analysis.engine.similarity import Similarity

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def impact(data: Path) -> Floats:
    path = data / "impact-baseline.csv"
    with open_table(path, name=path.name, config=EngineConfig()) as reader:
        return read_all(reader, file=path.name).features


@pytest.fixture(scope="module")
def cloud() -> Floats:
    """Two elongated groups in eight dimensions, without symmetry."""
    generator = np.random.default_rng(3)
    samples = generator.standard_normal((120, 8)) * np.geomspace(1.0, 0.05, 8)
    samples[:40, 0] += 4.0
    return samples


@pytest.mark.parametrize(
    "config",
    [
        EngineConfig(),
        *(
            EngineConfig(optimizer=optimizer, mode=mode, scaling="none")
            for optimizer in ("adam", "sgd", "lbfgs")
            for mode in ("kanadaSan", "random")
        ),
    ],
    ids=lambda config: f"{config.optimizer}-{config.mode}-{config.scaling}",
)
def test_reference_values_on_the_impact_data(impact: Floats, config: EngineConfig) -> None:
    model = fit_baseline(impact, config, feature_names=[f"f_{i}" for i in range(1024)])
    assert model.dmin == pytest.approx(0.002128138995, rel=1e-9)
    assert model.dmax == pytest.approx(16.864868366487, rel=1e-12)
    assert model.w1 == pytest.approx(0.16691479744, rel=1e-10)
    assert model.cost_per_pair < 5e-9
    assert model.trustworthiness > 0.9999
    radius = np.sqrt((model.coordinates**2).sum(axis=1).max())
    again = model.place(impact)
    assert np.abs(again.coordinates - model.coordinates).max() < 1e-3 * radius


def test_every_optimiser_finds_the_same_map(impact: Floats) -> None:
    names = [f"f_{i}" for i in range(1024)]
    expected = fit_baseline(impact, EngineConfig(optimizer="lbfgs"), feature_names=names).coordinates
    for config in (EngineConfig(), EngineConfig(optimizer="lbfgs", mode="random", seed=3)):
        found = fit_baseline(impact, config, feature_names=names).coordinates
        assert np.abs(found - expected).max() < 1e-3 * np.abs(expected).max()


def test_mean_distance_of_the_impact_data(impact: Floats) -> None:
    distances = np.sqrt(squared_distances(impact, impact)[np.triu_indices(219, 1)])
    assert distances.mean() == pytest.approx(2.816769, abs=5e-7)


def test_automatic_scaling_recognises_a_spectrum(impact: Floats) -> None:
    model = fit_baseline(
        impact, EngineConfig(optimizer="lbfgs"), feature_names=[f"f_{i}" for i in range(1024)]
    )
    assert model.scaling.kind == "none"
    assert "spectrum" in model.results()["scaling_reason"]


def test_the_compiled_gradient_is_that_of_the_cost(cloud: Floats) -> None:
    squares = squared_distances(cloud, cloud)
    similarity = Similarity(0.8, 0.3, 1.0)
    objective = Objective(similarity(distance_range(squares).normalise_squares(squares)), similarity)
    start = random_disk(120, 0.4, 5)

    def cost(p: Floats) -> float:
        return objective(p.reshape(2, -1))[0]

    def gradient(p: Floats) -> Floats:
        return np.asarray(objective(p.reshape(2, -1))[1].ravel() * objective.gradient_scale)

    size = float(np.linalg.norm(gradient(start.ravel())))
    assert check_grad(cost, gradient, start.ravel(), seed=1) < 1e-5 * size


def test_the_compiled_cost_is_the_formula(cloud: Floats) -> None:
    squares = squared_distances(cloud, cloud)
    similarity = Similarity(0.7, 0.2, 1.5)
    target = similarity(distance_range(squares).normalise_squares(squares))
    p = random_disk(120, 0.4, 5)
    on_map = ((p[:, :, None] - p[:, None, :]) ** 2).sum(axis=0)
    expected = ((target - similarity(on_map))[np.triu_indices(120, 1)] ** 2).mean()
    assert Objective(target, similarity)(p)[0] == pytest.approx(expected, rel=1e-10)


def test_identical_rows_have_a_distance_of_zero() -> None:
    generator = np.random.default_rng(0)
    rows = 1e6 + generator.standard_normal((50, 30))
    rows[7] = rows[31]
    squares = squared_distances(rows, rows)
    assert squares[7, 31] == 0.0
    exact = ((rows[:, None] - rows[None]) ** 2).sum(axis=2)
    np.testing.assert_allclose(squares, exact, rtol=1e-6, atol=0.0)


def fitted(cloud: Floats, **parameters: Any) -> MapFit:
    return fit_map(cloud, replace(EngineConfig(), **parameters).validate())


@pytest.mark.parametrize(
    "changed",
    [
        {"a": 0.2},
        {"w2": 3.0},
        {"which_w1": "fixed"},
        {"which_w1": "fixed", "w1": 0.5},
    ],
)
def test_the_cost_parameters_change_the_map(cloud: Floats, changed: dict[str, Any]) -> None:
    default = fitted(cloud)
    other = fitted(cloud, **changed)
    assert np.abs(default.coordinates - other.coordinates).max() > 1e-3
    if changed.get("which_w1") == "fixed":
        assert other.similarity.w1 == changed.get("w1", 0.04)


@pytest.mark.parametrize(
    "changed",
    [
        {"alpha": 0.01},
        {"beta1": 0.5},
        {"beta2": 0.9},
        {"epsilon": 0.1},
        {"optimizer": "sgd"},
        {"optimizer": "lbfgs"},
        {"mode": "random"},
        {"param_mode": 1.0},
        {"gamma0": 1e-2},
    ],
)
def test_optimiser_parameters_do_not_change_the_optimum(cloud: Floats, changed: dict[str, Any]) -> None:
    default, other = fitted(cloud), fitted(cloud, **changed)
    assert (default.iterations, default.cost_per_pair) != (other.iterations, other.cost_per_pair)
    np.testing.assert_allclose(default.cost_per_pair, other.cost_per_pair, rtol=0.02)


@pytest.mark.parametrize("changed", [{"eta": 0.9}, {"alpha": 5.0}, {"alpha": 5.0, "beta": 0.9}])
def test_the_parameters_of_sgd_take_effect(cloud: Floats, changed: dict[str, Any]) -> None:
    default, other = fitted(cloud, optimizer="sgd"), fitted(cloud, optimizer="sgd", **changed)
    assert default.iterations != other.iterations
    np.testing.assert_allclose(default.cost_per_pair, other.cost_per_pair, rtol=0.02)


def test_imax_bounds_the_iterations(cloud: Floats) -> None:
    few = fitted(cloud, imax=4)
    assert few.iterations == 4
    assert few.cost_per_pair > 2.0 * fitted(cloud).cost_per_pair


def test_the_best_positions_are_returned(cloud: Floats) -> None:
    # With such a large step, adam diverges: its last positions are far worse than its best.
    assert fitted(cloud, alpha=50.0, imax=4).cost_per_pair <= fitted(cloud, imax=1).cost_per_pair


def test_the_random_start_is_seeded(cloud: Floats) -> None:
    first, second = (fitted(cloud, mode="random", imax=3, seed=4) for _ in range(2))
    other = fitted(cloud, mode="random", imax=3, seed=5)
    np.testing.assert_array_equal(first.coordinates, second.coordinates)
    assert np.abs(first.coordinates - other.coordinates).max() > 1e-3


def test_the_random_start_fills_a_disk() -> None:
    radii = np.sqrt((random_disk(20_000, 0.3, 0) ** 2).sum(axis=0))
    assert radii.max() <= 0.3
    assert (radii < 0.15).mean() == pytest.approx(0.25, abs=0.02)


def test_the_deterministic_start_is_the_scaled_principal_plane(cloud: Floats) -> None:
    distances = squared_distances(cloud, cloud)
    squares = distance_range(distances).normalise_squares(distances.copy())
    start = principal_plane(squares, distances, 0.3)
    radius = np.sqrt((start**2).sum(axis=0).mean())
    assert radius == pytest.approx(0.3 * implied_radius(squares))
    _, _, directions = np.linalg.svd(cloud - cloud.mean(axis=0), full_matrices=False)
    plane = (cloud - cloud.mean(axis=0)) @ directions[:2].T
    for mine, theirs in zip(start, plane.T, strict=True):
        assert abs(np.corrcoef(mine, theirs)[0, 1]) > 0.999


@pytest.mark.parametrize("angle", [0.0, 1.0, 4.0])
def test_rotation_and_reflection_do_not_change_the_map(cloud: Floats, angle: float) -> None:
    p = cloud[:, :2].T
    expected = canonical(p)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    np.testing.assert_allclose(canonical(turn @ p + 5.0), expected, atol=1e-9)
    np.testing.assert_allclose(canonical(np.array([[-1.0], [1.0]]) * p), expected, atol=1e-9)
    assert np.all((expected**3).mean(axis=1) > 0.0)
    assert abs(expected[0] @ expected[1]) < 1e-9
    assert expected[0].var() > expected[1].var()


def test_the_order_of_rows_and_columns_does_not_change_the_map(cloud: Floats) -> None:
    generator = np.random.default_rng(0)
    rows, columns = generator.permutation(120), generator.permutation(8)
    expected = fitted(cloud, gamma0=1e-12).coordinates
    found = fitted(cloud[rows][:, columns], gamma0=1e-12).coordinates
    np.testing.assert_allclose(found, expected[rows], atol=1e-5)


def test_trustworthiness_is_the_published_measure(cloud: Floats) -> None:
    coordinates = random_disk(120, 1.0, 2).T
    distances = squared_distances(cloud, cloud)
    k, n = 10, 120
    ranks = np.empty((n, n), dtype=int)
    penalty = 0
    for i in range(n):
        others = [j for j in np.argsort(distances[i], kind="stable") if j != i]
        ranks[i, others] = np.arange(1, n)
        near = [j for j in np.argsort(((coordinates - coordinates[i]) ** 2).sum(axis=1)) if j != i][:k]
        penalty += sum(max(0, int(ranks[i, j]) - k) for j in near)
    expected = 1.0 - 2.0 / (n * k * (2 * n - 3 * k - 1)) * penalty
    assert trustworthiness(distances, coordinates) == pytest.approx(expected)


def test_landmarks_give_nearly_the_same_map() -> None:
    generator = np.random.default_rng(1)
    samples = generator.standard_normal((900, 6)) * np.array([3.0, 2.0, 1.0, 0.1, 0.1, 0.1])
    names = list("abcdef")
    whole = fit_baseline(samples, EngineConfig(scaling="none"), feature_names=names)
    some = fit_baseline(samples, EngineConfig(scaling="none", landmarks=300), feature_names=names)
    assert some.reference.features.shape == (300, 6)
    assert some.coordinates.shape == (900, 2)

    def spread(p: Floats) -> Floats:
        return np.sqrt(squared_distances(p, p))[np.triu_indices(900, 1)]

    assert np.corrcoef(spread(whole.coordinates), spread(some.coordinates))[0, 1] > 0.98


def test_progress_rises_to_one(cloud: Floats) -> None:
    seen: list[float] = []
    fit_baseline(cloud, EngineConfig(landmarks=60), feature_names=list("abcdefgh"), progress=seen.append)
    assert seen == sorted(seen)
    assert seen[-1] == 1.0
