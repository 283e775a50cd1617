"""Invalid parameters are rejected by name; the defaults are those of the specification."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from services.analysis.engine import ConfigError, EngineConfig


def test_the_defaults_are_those_of_the_specification() -> None:
    config = EngineConfig().validate()
    assert (config.gamma0, config.optimizer, config.alpha) == (1e-7, "adam", 0.1)
    assert (config.end_meta, config.start_dim, config.end_dim) == ("participant", "f_0", "f_1023")
    assert (config.imax, config.lowdim, config.eta, config.epsilon) == (1000, 2, 0.5, 1e-8)
    assert (config.beta1, config.beta2, config.beta, config.a) == (0.9, 0.999, 0.5, 0.8)
    assert (config.w1, config.w2, config.which_w1) == (0.04, 1.0, "auto")
    assert (config.mode, config.param_mode) == ("kanadaSan", 0.3)
    assert (config.scaling, config.detector, config.ewma) == ("auto", "feature_mahalanobis", None)
    assert (config.sensitivity, config.false_alarm_rate, config.asked_rate) == (None, None, 0.005)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("w1", -0.1),
        ("w1", 0.0),
        ("w2", -1.0),
        ("imax", 0),
        ("imax", 2.5),
        ("imax", True),
        ("lowdim", 3),
        ("optimizer", "newton"),
        ("mode", "tsne"),
        ("scaling", "minmax"),
        ("detector", "oracle"),
        ("alpha", 0.0),
        ("alpha", float("nan")),
        ("gamma0", -1e-9),
        ("beta1", 1.0),
        ("beta", 1.0),
        ("eta", 1.0),
        ("epsilon", 0.0),
        ("a", 1.1),
        ("param_mode", 0.0),
        ("ewma", 0.0),
        ("ewma", 1.1),
        ("sensitivity", -3.0),
        ("false_alarm_rate", 0.0),
        ("false_alarm_rate", 0.6),
        ("false_alarm_rate", float("nan")),
        ("severity_bands", (2.0, 1.5, 3.0)),
        ("severity_bands", (0.5, 1.5, 3.0)),
        ("roles", {"load": "watched"}),
        ("roles", ["load"]),
        ("landmarks", 2),
        ("seed", -1),
        ("start_dim", " "),
        ("failing_fraction", 0.01),
        ("deteriorating_wear", float("inf")),
        ("imax", 10**9),
        ("imax", float("nan")),
        ("alpha", 1e300),
        ("alpha", float("inf")),
        ("alpha", "0.1"),
        ("gamma0", float("nan")),
        ("w1", 1e-300),
        ("w2", 1e300),
        ("param_mode", float("inf")),
        ("epsilon", float("-inf")),
        ("sensitivity", 1e9),
        ("sensitivity", float("nan")),
        ("ewma", float("nan")),
        ("landmarks", 1_000_000),
        ("seed", 2**64),
        ("end_dim", "x" * 256),
        ("start_dim", "f_1024"),
        ("start_dim", "participant"),
        ("end_dim", "participant"),
    ],
)
def test_a_parameter_out_of_range_is_rejected_by_name(field: str, value: Any) -> None:
    config = replace(EngineConfig(), **{field: value})
    with pytest.raises(ConfigError, match=re.escape(field)) as caught:
        config.validate()
    assert caught.value.field == field


def test_no_metadata_before_the_features_is_allowed() -> None:
    assert EngineConfig(end_meta="").validate().end_meta == ""


def test_columns_without_an_order_are_checked_against_the_file() -> None:
    for first, last in (("speed", "load"), ("a_9", "b_1"), ("f_007", "f_7"), ("f_7", "f_7")):
        EngineConfig(start_dim=first, end_dim=last).validate()


def test_the_threshold_is_asked_for_in_one_way() -> None:
    assert replace(EngineConfig(), sensitivity=4.0).validate().asked_rate is None
    assert replace(EngineConfig(), false_alarm_rate=0.02).validate().asked_rate == 0.02
    with pytest.raises(ConfigError, match="Name one") as caught:
        replace(EngineConfig(), sensitivity=4.0, false_alarm_rate=0.02).validate()
    assert caught.value.field == "false_alarm_rate"
