"""New samples are placed independently, at the optimum, wherever they are."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize

from services.analysis.engine import BaselineModel, EngineConfig, EngineError
from services.analysis.engine.map.distances import squared_distances
from services.analysis.engine.map.mapping import map_samples
from services.analysis.engine.map.start import principal_plane
from services.analysis.engine.optimisers import Objective, optimise
from services.analysis.engine.scaling import learn_scaling

Floats = NDArray[np.float64]


def test_baseline_rows_are_projected_onto_themselves(model: BaselineModel, correlated: Floats) -> None:
    radius = np.sqrt((model.coordinates**2).sum(axis=1).max())
    placed = model.place(correlated)
    assert np.abs(placed.coordinates - model.coordinates).max() < 1e-3 * radius


@pytest.mark.parametrize("optimizer", ["adam", "sgd", "lbfgs"])
def test_rows_of_a_larger_baseline_are_projected_onto_themselves(optimizer: str) -> None:
    """With more than a thousand samples, the map starts from a sketch, but rows must still match."""
    generator = np.random.default_rng(2)
    x = generator.standard_normal((1300, 10)) * np.geomspace(3.0, 0.3, 10)
    config = EngineConfig(optimizer=optimizer, scaling="none").validate()
    fitted, reference, _, coordinates = map_samples(
        x, x, learn_scaling(x, config, list("abcdefghij")), config, lambda _: None
    )
    radius = np.sqrt((coordinates**2).sum(axis=1).max())
    assert np.abs(reference.place(reference.features).coordinates - coordinates).max() < 1e-3 * radius
    # The optimum is as good as the one found with all samples from the start.
    distances = squared_distances(reference.features, reference.features)
    squares = reference.range.normalise_squares(distances.copy())
    objective = Objective(reference.similarity(squares), reference.similarity)
    direct = optimise(objective, principal_plane(squares, distances, config.param_mode), config)
    assert fitted.cost_per_pair <= 1.005 * direct.cost


def test_samples_are_placed_independently(model: BaselineModel, correlated: Floats) -> None:
    moved = correlated[:40] + correlated.std(axis=0) * np.linspace(0.0, 6.0, 40)[:, None]
    together = model.place(moved)
    for order in (np.arange(40)[::-1], np.random.default_rng(0).permutation(40)):
        apart = model.place(moved[order])
        np.testing.assert_allclose(apart.coordinates, together.coordinates[order], atol=1e-9)
    single = model.place(moved[17:18])
    np.testing.assert_allclose(single.coordinates[0], together.coordinates[17], atol=1e-9)


def test_a_placement_is_a_minimum_of_its_cost(model: BaselineModel, correlated: Floats) -> None:
    moved = correlated[:12] + 2.0 * correlated.std(axis=0)
    placed = model.place(moved)
    reference = model.reference
    squares = squared_distances(model.scaling.apply(moved), reference.features)
    targets = reference.similarity(reference.range.normalise_squares(squares))
    for target, position, misfit in zip(targets, placed.coordinates, placed.misfit, strict=True):

        def cost(p: Floats, target: Floats = target) -> float:
            squares = ((p - reference.coordinates) ** 2).sum(axis=1)
            return float(((reference.similarity(squares) - target) ** 2).mean())

        assert misfit == pytest.approx(cost(position), rel=1e-8)
        better = minimize(cost, position, method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-15})
        assert better.fun >= misfit * (1.0 - 1e-6)


def test_more_distant_samples_are_placed_farther_away(model: BaselineModel, correlated: Floats) -> None:
    direction = model.space.axes.vectors[:, -1] * correlated.std(axis=0)
    steps = np.array([0.0, 5.0, 20.0, 100.0, 1e4])
    placed = model.place(correlated.mean(axis=0) + steps[:, None] * direction)
    radii = np.sqrt((placed.coordinates**2).sum(axis=1))
    assert np.all(np.diff(radii) > 0.0)


def test_the_misfit_shows_what_the_plane_cannot(model: BaselineModel, correlated: Floats) -> None:
    hidden = model.space.axes.vectors[:, 0] * correlated.std(axis=0)
    placed = model.place(correlated[:20] + 40.0 * hidden)
    assert placed.misfit.min() > 1.5 * model.place(correlated[:20]).misfit.max()


def test_errors_name_the_location_of_invalid_values(model: BaselineModel, correlated: Floats) -> None:
    broken = correlated[:5].copy()
    broken[3, 2] = np.inf
    with pytest.raises(EngineError, match="sample 104") as caught:
        model.score(broken, first_row=100)
    assert caught.value.column == "sensor_3"
    with pytest.raises(EngineError, match="12 features"):
        model.place(correlated[:5, :4])
