"""Moving averages are exact across chunk boundaries, and find small persistent shifts."""

from __future__ import annotations

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from services.analysis.engine import BaselineModel, EngineConfig, ScoreSummary, SequenceState, fit_baseline
from services.analysis.engine.detectors.covariance import Sample
from services.analysis.engine.verdict.sequence import MAX_STEP, averages, present_in_averages, smooth

Floats = NDArray[np.float64]


@pytest.fixture(scope="module")
def moving(correlated: Floats, names: tuple[str, ...]) -> BaselineModel:
    return fit_baseline(correlated, EngineConfig(ewma=0.1, optimizer="lbfgs"), feature_names=names)


def test_the_average_is_the_recurrence() -> None:
    z = np.random.default_rng(0).standard_normal((50, 3))
    z[7, 1] = -9999.0
    z[20:25] = np.nan
    expected, average = [], np.zeros(3)
    for row in z:
        # One wild value does not alarm for long, and a missing row changes nothing, but is missing.
        known = 0.3 * np.clip(row, -MAX_STEP, MAX_STEP) + 0.7 * average
        average = np.where(np.isnan(row), average, known)
        expected.append(np.where(np.isnan(row), np.nan, average / np.sqrt(0.3 / 1.7)))
    found, after = smooth(z, 0.3, (), MAX_STEP)
    np.testing.assert_allclose(found, expected, rtol=1e-12)
    np.testing.assert_allclose(after, average, rtol=1e-12)


@pytest.mark.parametrize("border", [1, 7, 8, 21, 24, 49])
def test_averages_continue_bit_for_bit(border: int) -> None:
    z = np.random.default_rng(0).standard_normal((50, 3))
    z[20:25] = np.nan
    whole, after = smooth(z, 0.3, ())
    first, between = smooth(z[:border], 0.3, ())
    second, last = smooth(z[border:], 0.3, between)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    assert last == after


def test_how_much_of_an_average_is_there() -> None:
    """The expected squared distance of averages of rows with gaps, relative to that of complete ones."""
    share = np.array([1.0, 0.5, 0.5, 0.0, 1.0, 0.25])
    weights: Floats = np.zeros(0)
    found, last = present_in_averages(share, 0.2, 1.0)
    for row, part in enumerate(share):
        if part == 0.0:  # a row of which nothing is there has no average, and changes nothing
            continue
        weights = np.append(0.8 * weights, 0.2)
        seen = share[: row + 1][share[: row + 1] > 0.0]
        variance = 0.2 / 1.8
        before = variance - (weights**2).sum()  # of all the complete rows before
        assert found[row] == pytest.approx(((weights**2) @ seen + before) / variance)
    assert last == found[-1]
    parts, between = present_in_averages(share[:4], 0.2, 1.0)
    assert np.append(parts, present_in_averages(share[4:], 0.2, between)[0]).tolist() == found.tolist()


def test_the_averages_of_some_rows_are_those_of_the_sequence() -> None:
    z = np.random.default_rng(1).standard_normal((900, 2))
    sample = Sample(z.__getitem__, z.__getitem__, np.arange(900), 2, 2, lambda: None, np.zeros(2))
    rows = np.array([0, 3, 400, 401, 899])
    for weight in (0.1, 0.5, 1.0):
        np.testing.assert_allclose(
            averages(sample, weight).take(rows), smooth(z, weight, (), MAX_STEP)[0][rows]
        )


@pytest.mark.parametrize("borders", [[1], [100], [99, 100, 101], [10, 20, 250]])
def test_chunks_continue_exactly(moving: BaselineModel, correlated: Floats, borders: list[int]) -> None:
    whole = moving.score(correlated)
    state: SequenceState | None = None
    distances = []
    for part in np.split(correlated, borders):
        scores = moving.score(part, state)
        distances.append(scores.distance)
        # Workers exchange states as JSON, which must preserve them bit for bit.
        state = SequenceState.from_dict(json.loads(json.dumps(scores.state.as_dict())))
    assert state == whole.state
    np.testing.assert_allclose(np.concatenate(distances), whole.distance, rtol=1e-12)


def test_a_state_can_be_passed_on_before_the_scores_are_there(
    moving: BaselineModel, correlated: Floats
) -> None:
    first, second = correlated[:120], correlated[120:]
    state = moving.advance(first)
    assert state == moving.score(first).state
    ahead = moving.score(second, state)
    np.testing.assert_array_equal(ahead.distance, moving.score(second, moving.score(first).state).distance)


def test_a_detector_without_averages_only_counts(correlated: Floats, names: tuple[str, ...]) -> None:
    model = fit_baseline(correlated, EngineConfig(detector="t2_spe"), feature_names=names)
    state = model.advance(correlated[:9])
    assert (state.average, state.count, len(state.places)) == ((), 9, 12)
    assert model.score(correlated[:9], state).state == SequenceState((), 18, state.places)


def test_a_small_lasting_shift_is_found(
    model: BaselineModel, moving: BaselineModel, correlated: Floats
) -> None:
    shift = np.zeros(12)
    shift[5] = 0.6 * correlated[:, 5].std()
    shifted = correlated + shift
    assert moving.score(shifted).anomaly[50:].mean() > model.score(shifted).anomaly[50:].mean() + 0.2


def test_an_empty_chunk_changes_nothing(moving: BaselineModel, correlated: Floats) -> None:
    state = moving.advance(correlated[:10])
    scores = moving.score(np.empty((0, 12)), state)
    assert scores.state == state
    assert scores.summary == ScoreSummary(0, 0, 0.0, moving.threshold)
    assert scores.summary.anomaly_fraction == 0.0


def test_summaries_merge(moving: BaselineModel, correlated: Floats) -> None:
    first = moving.score(correlated[:100])
    second = moving.score(correlated[100:], first.state)
    whole = moving.score(correlated).summary
    merged = ScoreSummary.merge([first.summary, second.summary])
    assert (merged.samples, merged.anomaly_count) == (whole.samples, whole.anomaly_count)
    assert merged.max_distance == pytest.approx(whole.max_distance)
