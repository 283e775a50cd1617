"""Drift after the baseline: what is told apart, when it began, and that nothing is proposed in vain."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import Drift, Levels, assess_drift, describe_drift, drift_levels, join_levels
from services.analysis.engine.verdict.levels import MAX_GROUPS, standardise

Floats = NDArray[np.float64]
SAMPLES, ONSET = 2000, 800


def series(seed: int, shift: Floats | float = 0.0, memory: float = 0.0) -> Floats:
    """Distances of a machine in the baseline's standard deviations, plus a shift (m,)."""
    generator = np.random.default_rng(seed)
    noise = generator.standard_normal(SAMPLES)
    for row in range(1, SAMPLES):
        noise[row] = memory * noise[row - 1] + np.sqrt(1.0 - memory**2) * noise[row]
    return np.asarray(noise + shift)


def own(seed: int = 99) -> Levels:
    values = np.random.default_rng(seed).standard_normal(500)
    return drift_levels(np.arange(500), values)


def history(values: Floats, run: int = 100) -> Levels:
    """As runs come."""
    starts = range(0, values.size, run)
    return join_levels(drift_levels(np.arange(s, s + run), values[s : s + run]) for s in starts)


def assess(values: Floats) -> Drift:
    return assess_drift(history(values), own())


def after(onset: int = ONSET, until: int = ONSET) -> Floats:
    """0 up to `onset`, 1 from `until` on."""
    return np.clip((np.arange(SAMPLES) - onset + 1.0) / (until - onset + 1.0), 0.0, 1.0)


@pytest.mark.parametrize("memory", [0.0, 0.8])
@pytest.mark.parametrize("seed", range(5))
def test_a_healthy_machine_is_left_alone(seed: int, memory: float) -> None:
    assert assess(series(seed, memory=memory)) == Drift("none")


@pytest.mark.parametrize("seed", range(5))
def test_a_step_that_stays_is_a_new_normal_with_its_onset(seed: int) -> None:
    drift = assess(series(seed, 3.0 * after()))
    assert drift.state == "settled"
    assert drift.proposes
    assert drift.onset is not None
    assert drift.earliest is not None
    assert drift.latest is not None
    assert drift.earliest <= ONSET <= drift.latest
    assert abs(drift.onset - ONSET) < 40
    assert drift.latest - drift.earliest < 200
    assert drift.shift == pytest.approx(3.0, abs=0.3)
    assert drift.samples == pytest.approx(SAMPLES - ONSET, abs=40)


@pytest.mark.parametrize("seed", range(5))
def test_a_drift_that_has_ended_is_told_from_one_that_has_not(seed: int) -> None:
    ended = assess(series(seed, 4.0 * after(ONSET, 1200)))
    assert ended.state == "settled"
    assert ended.onset is not None
    assert ended.steady_since is not None
    assert abs(ended.onset - ONSET) < 150
    assert abs(ended.steady_since - 1200) < 150
    going_on = assess(series(seed, 6.0 * after(ONSET, SAMPLES)))
    assert going_on.state == "moving"
    assert not going_on.proposes
    assert going_on.onset is not None
    assert abs(going_on.onset - ONSET) < 200


@pytest.mark.parametrize(
    "shift",
    [
        4.0 * (after() - after(1300, 1300)),  # off and back
        np.where(np.arange(SAMPLES) == 1500, 1e6, 0.0),  # one bad sample
        np.where(np.arange(SAMPLES) > SAMPLES - 20, 5.0, 0.0),  # only just
        0.5 * after(),  # less than comes and goes
    ],
)
def test_what_does_not_last_is_no_change(shift: Floats) -> None:
    assert assess(series(1, shift)).state == "none"


def test_a_restless_machine_is_off_and_nothing_is_proposed() -> None:
    swing = 3.0 + 3.0 * np.sin(np.arange(SAMPLES) / 60.0)
    for shift in (after() * swing, after() * series(5) * 4.0 + after() * 6.0):
        drift = assess(series(2, shift))
        assert drift.state in ("moving", "outside")
        assert not drift.proposes


def test_a_new_normal_is_proposed_only_once_it_has_lasted() -> None:
    values = series(3, 3.0 * after())
    early = assess_drift(history(values[: ONSET + 100]), own())
    assert early.onset is not None
    assert not early.proposes
    assert assess_drift(history(values[: ONSET + 600]), own()).proposes


def test_a_machine_closer_to_normal_than_its_baseline_needs_no_new_one() -> None:
    drift = assess(series(4, -2.0 * after()))
    assert (drift.state, drift.proposes) == ("settled", False)
    note = describe_drift(drift, ["a", "b", "c", "d"])
    assert note is not None
    assert note["code"] == "drift_settled"


def test_samples_that_come_twice_or_in_another_order_change_nothing() -> None:
    values = series(6, 3.0 * after())
    parts = [drift_levels(np.arange(s, s + 100), values[s : s + 100]) for s in range(0, SAMPLES, 100)]
    once = assess_drift(join_levels(parts), own())
    assert assess_drift(join_levels([*parts[::-1], *parts[3:9]]), own()) == once


def test_samples_that_were_not_judged_do_not_count() -> None:
    values = series(7, 3.0 * after())
    values[::7] = np.nan
    found = drift_levels(np.arange(SAMPLES), values)
    assert found.samples.sum() == np.isfinite(values).sum()
    assert assess(values).state == "settled"
    nothing = drift_levels(np.arange(3), np.full(3, np.nan))
    assert (nothing.level.size, assess_drift(nothing, own()).state) == (0, "unknown")


def test_a_short_history_says_nothing() -> None:
    assert assess_drift(join_levels(()), own()) == Drift("unknown")
    assert assess_drift(drift_levels(np.arange(20), np.full(20, 9.0)), own()).state == "unknown"
    assert describe_drift(Drift("unknown"), [None] * 4) is None


def test_a_long_history_is_as_exact_as_its_groups() -> None:
    points = 100_000
    values = np.random.default_rng(8).standard_normal(points)
    values[60_000:] += 3.0
    drift = assess_drift(drift_levels(np.arange(points), values, points), own())
    assert drift.onset is not None
    assert abs(drift.onset - 60_000) <= 2 * points / MAX_GROUPS


def test_distances_are_counted_in_the_baselines_own_spread() -> None:
    baseline = np.array([1.0, 2.0, 3.0])
    assert standardise(np.array([2.0, 4.0]), baseline).tolist() == [0.0, 2.0]
    # A baseline without spread still has a unit.
    assert np.isfinite(standardise(np.array([2.0]), np.array([1.0, 1.0]))).all()
    assert np.isfinite(standardise(np.array([2.0]), np.array([0.0]))).all()


def test_a_long_history_does_not_hide_what_has_just_changed() -> None:
    points = 100_000
    values = np.random.default_rng(9).standard_normal(points)
    assert assess_drift(history(values, 1000), own()).state == "none"
    values[-400:] += 3.0
    drift = assess_drift(history(values, 1000), own())
    assert drift.state == "settled"
    assert drift.onset is not None
    assert abs(drift.onset - (points - 400)) < 100
