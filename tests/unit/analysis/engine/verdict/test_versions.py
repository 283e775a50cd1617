"""Two baselines are compared: what moved between them, and how each judges the other's samples."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import (
    BaselineModel,
    EngineConfig,
    compare,
    fit_baseline,
    judge,
    moved_sensors,
    spread_starts,
)

NAMES = ("a", "b", "c", "fixed")
Floats = NDArray[np.float64]


def samples(seed: int) -> Floats:
    values = np.random.default_rng(seed).standard_normal((200, 4)) + 10.0
    values[:, 3] = 5.0
    return values


def fitted(values: Floats, names: tuple[str, ...] = NAMES) -> BaselineModel:
    return fit_baseline(values, EngineConfig(imax=20), feature_names=names)


def test_level_and_spread_are_told_in_the_older_ones_standard_deviations() -> None:
    changed = samples(2)
    changed[:, 0] += 2.0
    changed[:, 1] = 10.0 + 4.0 * (changed[:, 1] - 10.0)
    found = compare(fitted(samples(1)), fitted(changed))
    by_name = {shift.name: shift for shift in found.shifts}
    assert by_name["a"].level == pytest.approx(2.0, abs=0.25)
    assert by_name["a"].spread == pytest.approx(1.0, abs=0.2)
    assert by_name["b"].spread == pytest.approx(4.0, abs=0.6)
    assert {name for name, shift in by_name.items() if shift.moved} == {"a", "b"}
    assert {shift.name for shift in found.shifts[:2]} == {"a", "b"}
    assert (found.added, found.removed) == ((), ())


def test_a_constant_has_moved_when_it_is_another_or_none() -> None:
    other, none, still = samples(2), samples(2), samples(2)
    other[:, 3] = 6.0
    none[:, 3] += np.random.default_rng(3).standard_normal(200)
    older = fitted(samples(1))
    for values, moved in ((other, True), (none, True), (still, False)):
        shift = next(each for each in compare(older, fitted(values)).shifts if each.name == "fixed")
        assert (shift.level, shift.spread, shift.moved) == (None, None, moved)
    frozen = samples(2)
    frozen[:, 2] = 10.0
    shift = next(each for each in compare(older, fitted(frozen)).shifts if each.name == "c")
    assert (shift.spread, shift.moved) == (0.0, True)


def test_features_of_one_alone_are_named() -> None:
    found = compare(fitted(samples(1)), fitted(samples(2), ("a", "c", "new", "fixed")))
    assert (found.added, found.removed) == (("new",), ("b",))
    assert {shift.name for shift in found.shifts} == {"a", "c", "fixed"}


def test_each_judges_the_others_samples() -> None:
    moved = samples(2) + np.array([5.0, 0.0, 0.0, 0.0])
    summary, median = judge(fitted(samples(1)), [moved[:50], moved[100:150]])
    assert (summary.samples, summary.anomaly_count) == (100, 100)
    assert median > 1.0


@pytest.mark.parametrize(
    ("samples", "starts"),
    [(10, [0]), (512, [0]), (1024, [0, 171, 341, 512]), (2048, [0, 512, 1024, 1536])],
)
def test_what_is_judged_is_spread_over_the_whole(samples: int, starts: list[int]) -> None:
    assert list(spread_starts(samples, 512, 4)) == starts


def test_the_sensors_that_have_moved_are_named() -> None:
    moved = samples(2) + np.array([0.0, -3.0, 1.5, 0.0])
    moved[::3, 0] = np.nan
    found = moved_sensors(fitted(samples(1)), moved)
    assert [name for name, _ in found] == ["b", "c"]
    assert found[0][1] == pytest.approx(-3.0, abs=0.3)
