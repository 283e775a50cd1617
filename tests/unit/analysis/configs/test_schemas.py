"""The body of a change agrees with the engine about the parameters."""

from dataclasses import fields
from typing import get_args

import pytest
from pydantic import ValidationError

from services.analysis.configs.domain import EDITABLE, PARAMETERS
from services.analysis.configs.schemas import ConfigChange, Detector, Optimizer, Role, Scaling
from services.analysis.engine import EngineConfig
from services.analysis.engine.config import DETECTORS, OPTIMIZERS, ROLES, SCALINGS


def test_only_editable_parameters_can_be_set() -> None:
    assert set(ConfigChange.model_fields) == {*EDITABLE, "threshold_sigmas"}


@pytest.mark.parametrize(
    "body",
    [
        {"sensitivity": 4.0},
        {"threshold_sigmas": 4.0},
        {"sensitivity": 4.0, "threshold_sigmas": 4.0},
        {"threshold_sigmas": 4, "sensitivity": 4.0},
    ],
)
def test_both_names_of_the_threshold_change_it(body: dict[str, float]) -> None:
    expected = {"sensitivity": 4.0, "false_alarm_rate": None, "ewma": None}
    assert ConfigChange.model_validate({**body, "ewma": None}).changes() == expected


def test_both_names_of_the_threshold_with_different_values_are_rejected() -> None:
    with pytest.raises(ValidationError, match="two names for the same parameter") as caught:
        ConfigChange.model_validate({"sensitivity": 4.0, "threshold_sigmas": 3.0})
    assert [error["loc"] for error in caught.value.errors()] == [("threshold_sigmas",)]


def test_a_rate_ends_the_standard_deviations_and_the_other_way_round() -> None:
    assert ConfigChange.model_validate({"false_alarm_rate": 0.01}).changes() == {
        "false_alarm_rate": 0.01,
        "sensitivity": None,
    }
    assert ConfigChange.model_validate({"false_alarm_rate": None, "threshold_sigmas": 3.0}).changes() == {
        "false_alarm_rate": None,
        "sensitivity": 3.0,
    }
    assert ConfigChange.model_validate({"sensitivity": None}).changes() == {"sensitivity": None}


@pytest.mark.parametrize("name", ["sensitivity", "threshold_sigmas"])
def test_two_ways_to_ask_for_the_threshold_are_rejected(name: str) -> None:
    with pytest.raises(ValidationError, match="both determine the alarm threshold") as caught:
        ConfigChange.model_validate({name: 4.0, "false_alarm_rate": 0.01})
    assert [error["loc"] for error in caught.value.errors()] == [("false_alarm_rate",)]


def test_the_choices_match_the_engine() -> None:
    assert (get_args(Optimizer), get_args(Detector), get_args(Role)) == (OPTIMIZERS, DETECTORS, ROLES)
    assert set(get_args(Scaling)) == set(SCALINGS)


def test_every_parameter_is_one_of_the_engine() -> None:
    assert set(PARAMETERS) <= {field.name for field in fields(EngineConfig)}
