"""Settings of a run: what takes effect, what does not, and what the baseline promises at a threshold."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from services.analysis.engine import (
    BaselineModel,
    ConfigError,
    EngineConfig,
    alarm_intervals,
    held_out,
    ignored,
    judged_by,
    promise,
    with_threshold,
)
from services.analysis.engine.verdict.settings import interval, without_outliers


def test_the_baselines_own_settings_change_nothing(model: BaselineModel) -> None:
    assert judged_by(model, model.config) is model
    # Columns are the file's, and need not be the same.
    assert judged_by(model, replace(model.config, start_dim="a", end_dim="b")) is model


def test_the_threshold_alone_follows_the_settings(
    model: BaselineModel, correlated: np.ndarray[tuple[int, int], np.dtype[np.float64]]
) -> None:
    wide = with_threshold(model, sigmas=6.0)
    distances = held_out(model)
    assert wide.threshold == pytest.approx(distances.mean() + 6.0 * distances.std(ddof=1))
    assert wide.detector is model.detector
    usual, other = model.score(correlated), wide.score(correlated)
    np.testing.assert_array_equal(usual.distance, other.distance)
    np.testing.assert_allclose(usual.ratio * model.threshold, other.ratio * wide.threshold)
    bands = judged_by(model, replace(model.config, severity_bands=(1.1, 1.2, 1.3)))
    assert bands.threshold == model.threshold
    assert with_threshold(model) is model


@pytest.mark.parametrize("rate", [0.3, 0.1, 0.02])
def test_the_threshold_of_a_rate_keeps_it_on_the_baseline(model: BaselineModel, rate: float) -> None:
    found = promise(with_threshold(model, rate=rate))
    assert found.rate == pytest.approx(rate, abs=0.01)
    assert found.low < found.rate < found.high


@pytest.mark.parametrize(("name", "value"), [("sigmas", 0.0), ("sigmas", 1e9), ("rate", 0.0), ("rate", 1.5)])
def test_a_threshold_that_cannot_be_is_refused(model: BaselineModel, name: str, value: float) -> None:
    with pytest.raises(ConfigError):
        with_threshold(model, **{name: value})


def test_what_was_learnt_with_the_baseline_is_named(model: BaselineModel) -> None:
    wanted = replace(model.config, detector="t2_spe", ewma=0.2, failing_wear=9.0, end_meta="x")
    found = ignored(model, wanted)
    assert [(each.name, each.wanted, each.used) for each in found] == [
        ("detector", "t2_spe", "feature_mahalanobis"),
        ("ewma", 0.2, None),
    ]
    note = found[0].as_dict()
    assert (note["code"], note["params"]["setting"]) == ("setting_of_baseline", "detector")
    assert ignored(model, model.config) == []
    assert ignored(model, EngineConfig()) == []


def test_outliers_and_samples_that_were_not_judged_promise_nothing() -> None:
    distances = np.array([1.0, 99.0, np.nan, 2.0])
    assert without_outliers(distances, [2]).tolist() == [1.0, 2.0]
    assert without_outliers(distances, []).tolist() == [1.0, 99.0, 2.0]


def test_the_interval_of_a_share() -> None:
    # Clopper and Pearson for 0 and 5 of 100.
    np.testing.assert_allclose(interval(0.0, 100.0), (0.0, 0.0362), atol=1e-4)
    np.testing.assert_allclose(interval(0.05, 100.0), (0.0164, 0.1128), atol=1e-4)
    assert interval(1.0, 10.0)[1] == 1.0


def test_alarms_are_joined_across_parts() -> None:
    parts = [np.array([0.0, 2.0]), np.array([2.0, np.nan, 2.0]), np.array([0.0, 3.0])]
    assert alarm_intervals(parts, 1.0) == [(1, 3), (4, 5), (6, 7)]
    assert alarm_intervals([], 1.0) == []
    assert alarm_intervals(parts, 9.0) == []
