"""Missing cells: samples are judged by the sensors they have, and baselines learn from what is there."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import BaselineModel, EngineConfig, EngineError, fit_baseline
from services.analysis.engine.config import DETECTORS
from services.analysis.engine.detectors.freedom import rescaled_distance, rescaled_largest
from services.analysis.engine.detectors.precision import Precision

Floats = NDArray[np.float64]

SENSORS = 12
NAMES = tuple(f"s{place}" for place in range(SENSORS))
QUICK = EngineConfig(optimizer="lbfgs", imax=50)


def plant(rows: int, seed: int) -> Floats:
    generator = np.random.default_rng(seed)
    gains = np.random.default_rng(100).normal(size=(3, SENSORS))
    return 50 + generator.normal(size=(rows, 3)) @ gains + 0.5 * generator.normal(size=(rows, SENSORS))


def scattered(x: Floats, share: float, seed: int = 0) -> Floats:
    holes = x.copy()
    holes[np.random.default_rng(seed).random(x.shape) < share] = np.nan
    return holes


def in_blocks(x: Floats, share: float, seed: int = 0, length: int = 40) -> Floats:
    """Sensors fail for `length` samples at a time."""
    holes, generator = x.copy(), np.random.default_rng(seed)
    for start in range(0, x.shape[0], length):
        holes[start : start + length, generator.random(x.shape[1]) < share] = np.nan
    return holes


@pytest.fixture(scope="module", params=DETECTORS)
def model(request: pytest.FixtureRequest) -> BaselineModel:
    config = EngineConfig(optimizer="lbfgs", imax=50, detector=request.param)
    return fit_baseline(plant(600, 1), config, feature_names=NAMES)


@pytest.fixture(scope="module")
def default() -> BaselineModel:
    return fit_baseline(plant(600, 1), QUICK, feature_names=NAMES)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.35])
@pytest.mark.parametrize("remove", [scattered, in_blocks])
def test_gaps_raise_no_alarms(model: BaselineModel, remove: type, share: float) -> None:
    normal = plant(4000, 2)
    before, after = model.score(normal), model.score(remove(normal, share))
    judged = after.severity != "not_judged"
    assert judged.mean() > 0.9
    assert after.anomaly[judged].mean() <= before.anomaly.mean() + 0.004
    # The distances keep their scale, so a history shows no step where a sensor failed.
    assert np.median(after.ratio[judged]) == pytest.approx(np.median(before.ratio), rel=0.05)


@pytest.mark.parametrize("remove", [scattered, in_blocks])
def test_faults_of_sensors_that_are_there_are_found(default: BaselineModel, remove: type) -> None:
    faulty = plant(400, 3)
    faulty[:, 4] += 6 * default.std[4]
    for share, least in ((0.1, 0.99), (0.3, 0.95)):
        holes = remove(faulty, share)
        scores = default.score(holes)
        there = ~np.isnan(holes[:, 4]) & (scores.severity != "not_judged")
        assert scores.anomaly[there].mean() >= least


def test_a_dead_sensor_neither_alarms_nor_blinds_the_others(model: BaselineModel) -> None:
    normal, faulty = plant(2000, 4), plant(200, 5)
    faulty[:, 4] += 10 * model.std[4]
    normal[:, 7] = faulty[:, 7] = np.nan
    assert model.score(normal).anomaly.mean() < 0.02
    if model.config.detector != "map_mahalanobis":  # a plane does not show the fault of one sensor
        assert model.score(faulty).anomaly.all()


def test_a_complete_sample_keeps_its_numbers_beside_incomplete_ones(model: BaselineModel) -> None:
    x = plant(500, 6)
    holes = scattered(x, 0.02)
    complete = ~np.isnan(holes).any(axis=1)
    before, after = model.place(x), model.place(holes)
    for name in ("coordinates", "misfit", "nearest"):
        np.testing.assert_array_equal(getattr(before, name)[complete], getattr(after, name)[complete])
    z, gaps = model.scaling.standardise(x), model.scaling.standardise(holes)
    if model.config.detector == "map_mahalanobis":
        z, gaps = before.coordinates, after.coordinates
    np.testing.assert_array_equal(
        model.detector.statistics(z)[complete], model.detector.statistics(gaps)[complete]
    )


@pytest.mark.parametrize("ewma", [None, 0.2])
@pytest.mark.parametrize("detector", DETECTORS)
def test_any_chunking_gives_the_same_scores(detector: str, ewma: float | None) -> None:
    config = EngineConfig(optimizer="lbfgs", imax=50, detector=detector, ewma=ewma)
    chunked = fit_baseline(plant(300, 1), config, feature_names=NAMES)
    x = in_blocks(scattered(plant(300, 7), 0.1), 0.2)
    x[50] = x[290:] = np.nan
    whole = chunked.score(x)
    for size in (1, 7, 64):
        state, parts = None, []
        for start in range(0, x.shape[0], size):
            parts.append(chunked.score(x[start : start + size], state, first_row=start))
            assert parts[-1].state == chunked.advance(x[start : start + size], state)
            state = parts[-1].state
        assert state is not None
        assert np.isfinite(state.average).all()
        for name in ("x", "y", "distance", "ratio"):
            joined = np.concatenate([getattr(part, name) for part in parts])
            np.testing.assert_allclose(joined, getattr(whole, name), rtol=1e-9)
        np.testing.assert_array_equal(np.concatenate([part.severity for part in parts]), whole.severity)


def test_a_sample_that_lacks_too_much_is_not_judged(model: BaselineModel) -> None:
    x = plant(30, 8)
    x[:, :3] += 100 * model.std[:3]
    x[10, 5:] = np.nan  # 7 of 12
    x[20] = np.nan
    scores = model.score(x)
    lost = np.isin(np.arange(30), (10, 20))
    np.testing.assert_array_equal(scores.severity == "not_judged", lost)
    for array in (scores.x, scores.y, scores.misfit, scores.distance, scores.ratio):
        np.testing.assert_array_equal(np.isnan(array), lost)
    assert not scores.anomaly[lost].any()
    assert (scores.summary.samples, scores.summary.not_judged, scores.summary.judged) == (30, 2, 28)
    assert scores.summary.anomaly_fraction == scores.anomaly.sum() / 28
    nothing = model.score(np.full((5, SENSORS), np.nan)).summary
    assert (nothing.judged, nothing.anomaly_fraction, nothing.results()["max_distance"]) == (0, 0.0, None)


def test_max_missing_is_a_parameter() -> None:
    x = plant(5, 8)
    x[:, 6:] = np.nan  # half
    for limit, judged in ((0.5, True), (0.4, False), (0.0, False)):
        config = EngineConfig(optimizer="lbfgs", imax=50, max_missing=limit)
        scores = fit_baseline(plant(200, 1), config, feature_names=NAMES).score(x)
        assert (scores.severity != "not_judged").tolist() == [judged] * 5


def test_infinite_values_are_no_gaps(default: BaselineModel) -> None:
    x = plant(5, 9)
    x[2, 3] = -np.inf
    with pytest.raises(EngineError, match="sample 3") as caught:
        default.score(x)
    assert caught.value.column == "s3"
    with pytest.raises(EngineError, match="sample 3"):
        fit_baseline(x, QUICK, feature_names=NAMES)


def test_an_explanation_names_no_missing_sensor(default: BaselineModel) -> None:
    x = plant(100, 10)
    x[:, 4] += 8 * default.std[4]
    x[:, 1] = np.nan
    x[50:, 7] = np.nan
    for row, found in enumerate(default.explain(x)):
        names = [share.name for share in found.features]
        assert names[0] == "s4"
        assert "s1" not in names
        assert row < 50 or "s7" not in names
        numbers = [value for share in found.features for value in list(share.as_dict().values())[1:]]
        assert np.isfinite(numbers).all()


def test_a_constant_that_is_missing_has_not_moved() -> None:
    x = plant(300, 11)
    x[:, 5] = 3.5
    constant = fit_baseline(x, QUICK, feature_names=NAMES)
    moved = plant(20, 12)
    moved[:, 5] = np.where(np.arange(20) < 10, np.nan, 7.0)
    scores = constant.score(moved)
    assert not scores.anomaly[:10].any()
    assert scores.anomaly[10:].all()


@pytest.mark.parametrize("remove", [scattered, in_blocks])
def test_a_baseline_with_gaps_learns_what_the_whole_one_does(remove: type) -> None:
    x, normal, faulty = plant(600, 1), plant(4000, 2), plant(300, 3)
    faulty[:, 4] += 5 * x[:, 4].std()
    whole = fit_baseline(x, QUICK, feature_names=NAMES)
    holes = fit_baseline(remove(x, 0.2), QUICK, feature_names=NAMES)
    wanted, found = (np.linalg.inv(_covariance(each)) for each in (whole, holes))
    assert np.linalg.norm(found - wanted) < 0.25 * np.linalg.norm(wanted)
    assert holes.score(normal).anomaly.mean() < 0.015
    assert holes.score(faulty).anomaly.mean() > 0.97
    judged = ~np.isnan(holes.baseline_distances)
    assert judged.mean() > 0.98
    assert np.isfinite(holes.coordinates[judged]).all()
    mean = whole.baseline_distances[judged].mean()
    assert holes.baseline_distances[judged].mean() == pytest.approx(mean, rel=0.05)


def _covariance(model: BaselineModel) -> Floats:
    """The covariance in the features' own units."""
    space = model.space
    shape = space.axes.vectors * (space.inside - space.floor) @ space.axes.vectors.T
    shape[np.diag_indices(SENSORS)] += space.floor
    return np.asarray(shape * np.outer(model.std, model.std))


def test_nearly_identical_sensors_stay_so_when_cells_are_missing() -> None:
    """Filled with means, their difference would have the variance of the missing cells and hide faults."""
    x = plant(800, 13)
    x[:, 11] = x[:, 10] + 0.01 * np.random.default_rng(14).normal(size=800)
    twins = fit_baseline(scattered(x, 0.1), QUICK, feature_names=NAMES)
    shifted = plant(100, 15)
    shifted[:, 11] = shifted[:, 10] + 0.5
    assert twins.score(shifted).anomaly.all()
    difference = (np.arange(SENSORS) == 11) * twins.std[11] - (np.arange(SENSORS) == 10) * twins.std[10]
    assert twins.space.axes.values[0] < 0.001
    assert np.abs(twins.space.axes.vectors[:, 0] @ difference) > 0.99 * np.linalg.norm(difference)


def test_fewer_samples_than_features() -> None:
    generator = np.random.default_rng(16)
    factors = generator.normal(size=(5, 80))
    x = generator.normal(size=(160, 5)) @ factors + 0.3 * generator.normal(size=(160, 80))
    names = [f"b{place}x" for place in range(80)]
    baseline, normal = scattered(x[:60], 0.1), scattered(x[60:], 0.1)
    few = fit_baseline(baseline, QUICK, feature_names=names)
    faulty = normal + np.where(np.arange(80) == 40, 8.0 * x[:, 40].std(), 0.0)
    there = ~np.isnan(faulty[:, 40])
    assert few.score(normal).anomaly.mean() < 0.1
    assert few.score(faulty).anomaly[there].mean() > 0.9


def test_a_sensor_that_the_baseline_hardly_has_is_left_out_and_named() -> None:
    x, normal = plant(300, 17), plant(500, 18)
    x[60:, 2] = np.nan
    x[:, 8] = np.nan
    x[::10, 5] = np.nan
    partly = fit_baseline(x, QUICK, feature_names=NAMES)
    assert partly.absent_features == ("s2", "s8")
    assert partly.results()["absent_features"] == ["s2", "s8"]
    advice = " ".join(partly.report.advice)
    assert "s2 (80%), s8 (100%) are missing" in advice
    assert "s5 (10%) is missing" in advice
    assert partly.report.verdict == "usable"
    normal[:, 2] = normal[:, 8] = 1e6
    assert partly.score(normal).anomaly.mean() < 0.02


def test_samples_of_a_baseline_that_lack_too_much_are_not_learnt_from() -> None:
    x = plant(300, 19)
    x[100:103, 3:] = np.nan
    x[100:103, :3] = 1e3
    some = fit_baseline(x, QUICK, feature_names=NAMES)
    without = fit_baseline(np.delete(x, slice(100, 103), axis=0), QUICK, feature_names=NAMES)
    lost = np.isin(np.arange(300), (100, 101, 102))
    np.testing.assert_array_equal(np.isnan(some.baseline_distances), lost)
    np.testing.assert_array_equal(np.isnan(some.coordinates).any(axis=1), lost)
    assert some.threshold == pytest.approx(without.threshold, rel=0.02)
    assert "3 samples of this baseline lack more than 50%" in " ".join(some.report.advice)
    strict = EngineConfig(max_missing=0.0)
    with pytest.raises(EngineError, match="only 2"):
        fit_baseline(np.vstack([scattered(x, 0.4, seed=2)[:90], x[:2]]), strict, feature_names=NAMES)
    with pytest.raises(EngineError, match="every feature"):
        fit_baseline(np.vstack([np.full((90, SENSORS), np.nan), x[:50]]), strict, feature_names=NAMES)


def test_an_incomplete_sample_is_placed_near_its_place(default: BaselineModel) -> None:
    x = plant(300, 20)
    whole, holes = default.place(x).coordinates, default.place(scattered(x, 0.1)).coordinates
    spread = np.sqrt(((whole - whole.mean(axis=0)) ** 2).sum(axis=1).mean())
    assert np.sqrt(((holes - whole) ** 2).sum(axis=1).mean()) < 0.35 * spread


@pytest.mark.parametrize(("d", "r"), [(9, 9), (40, 6), (40, 30)])
def test_both_eliminations_are_the_marginal_distribution(d: int, r: int) -> None:
    generator = np.random.default_rng(d)
    vectors = np.linalg.qr(generator.normal(size=(d, d)))[0][:, :r]
    inside = generator.uniform(0.1, 5.0, r)
    precision = Precision(vectors, inside, 0.3)
    covariance = (vectors * inside) @ vectors.T + 0.3 * (np.eye(d) - vectors @ vectors.T)
    for missing in range(d):
        z = generator.normal(size=(3, d))
        gaps = generator.permutation(d)[:missing]
        z[:, gaps] = np.nan
        filled, diagonals = precision.marginal(z)
        there = np.setdiff1d(np.arange(d), gaps)
        inverse = np.linalg.inv(covariance[np.ix_(there, there)])
        pulled = precision.pull(filled)
        np.testing.assert_allclose(pulled[:, there], z[:, there] @ inverse, rtol=1e-7, atol=1e-9)
        np.testing.assert_allclose(pulled[:, gaps], 0.0, atol=1e-9)
        np.testing.assert_allclose(diagonals[:, there], np.tile(np.diag(inverse), (3, 1)), rtol=1e-8)
        expected = z[:, there] @ inverse @ covariance[np.ix_(there, gaps)]
        np.testing.assert_allclose(filled[:, gaps], expected, atol=1e-9)
        np.testing.assert_array_equal(filled, precision.expected(z))


def test_degrees_of_freedom_make_fewer_sensors_equally_unlikely() -> None:
    from scipy.stats import chi, norm

    for freedom, whole in ((2, 12), (6, 12), (11, 12), (500, 1000)):
        levels = np.array([0.5, 0.9, 0.99, 0.999])
        found = rescaled_distance(chi.ppf(levels, freedom), np.full(4, float(freedom)), whole)
        np.testing.assert_allclose(found, chi.ppf(levels, whole), rtol=0.02)
        # The largest of k residuals is below u with the probability (2 Phi(u) - 1)^k.
        mine = norm.ppf(0.5 + 0.5 * levels ** (1.0 / freedom))
        theirs = norm.ppf(0.5 + 0.5 * levels ** (1.0 / whole))
        largest = rescaled_largest(mine, np.full(4, float(freedom)), whole)
        np.testing.assert_allclose(largest[1:], theirs[1:], rtol=0.04)
    assert np.isnan(rescaled_distance(np.zeros(1), np.zeros(1), 12)).all()


def test_averages_of_sensors_with_gaps_stay_on_their_scale() -> None:
    """Sensors that depend on each other must do so in their averages, whichever cells these are made of."""
    config = EngineConfig(optimizer="lbfgs", imax=50, ewma=0.1)
    moving = fit_baseline(plant(600, 1), config, feature_names=NAMES)
    normal = plant(3000, 2)
    whole = moving.score(normal)
    for share in (0.1, 0.3):
        for remove in (scattered, in_blocks):
            holes = moving.score(remove(normal, share))
            judged = holes.severity != "not_judged"
            assert np.median(holes.ratio[judged]) == pytest.approx(np.median(whole.ratio), rel=0.04)
            assert holes.anomaly[judged].mean() <= whole.anomaly.mean() + 0.01
    drifting = plant(300, 3)
    drifting[:, 4] += 1.5 * moving.std[4]
    assert moving.score(scattered(drifting, 0.2)).anomaly[50:].mean() > 0.9


def test_a_sensor_that_dies_while_it_deviates_does_not_alarm_for_ever(default: BaselineModel) -> None:
    x = plant(400, 21)
    x[:50, 4] += 9 * default.std[4]
    x[50:, 4] = np.nan
    scores = default.score(x)
    assert scores.anomaly[:50].all()
    assert scores.anomaly[100:].mean() < 0.02
