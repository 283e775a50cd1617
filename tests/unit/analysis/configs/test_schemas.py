"""The body of a change agrees with the engine about the parameters."""

from dataclasses import fields
from datetime import datetime
from typing import Any, get_args
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.analysis.configs.domain import EDITABLE, PARAMETERS, Configuration
from services.analysis.configs.reading import ReadingFields
from services.analysis.configs.schemas import ConfigChange, ConfigOut, Detector, Optimizer, Role, Scaling
from services.analysis.engine import EngineConfig, ReadingConfig
from services.analysis.engine.config import DETECTORS, OPTIMIZERS, ROLES, SCALINGS


def test_only_editable_parameters_can_be_set() -> None:
    assert set(ConfigChange.model_fields) == {*EDITABLE, "threshold_sigmas", *ReadingFields.model_fields}


def test_what_is_said_about_files_has_the_engines_fields() -> None:
    assert set(ReadingFields.model_fields) == {field.name for field in fields(ReadingConfig)}


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
    assert ConfigChange.model_validate({**body, "ewma": None}).changes().parameters == expected


def test_both_names_of_the_threshold_with_different_values_are_rejected() -> None:
    with pytest.raises(ValidationError, match="two names for the same parameter") as caught:
        ConfigChange.model_validate({"sensitivity": 4.0, "threshold_sigmas": 3.0})
    assert [error["loc"] for error in caught.value.errors()] == [("threshold_sigmas",)]


def test_a_rate_ends_the_standard_deviations_and_the_other_way_round() -> None:
    assert ConfigChange.model_validate({"false_alarm_rate": 0.01}).changes().parameters == {
        "false_alarm_rate": 0.01,
        "sensitivity": None,
    }
    assert ConfigChange.model_validate(
        {"false_alarm_rate": None, "threshold_sigmas": 3.0}
    ).changes().parameters == {
        "false_alarm_rate": None,
        "sensitivity": 3.0,
    }
    assert ConfigChange.model_validate({"sensitivity": None}).changes().parameters == {"sensitivity": None}


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


def test_a_configuration_shows_what_it_says_about_files() -> None:
    engine = {name: getattr(EngineConfig(), name) for name in PARAMETERS}
    known: dict[str, Any] = {
        "organization_id": uuid4(),
        "version": 1,
        "created_at": datetime(2024, 1, 1),
        "created_by": None,
    }
    plain = ConfigOut.of(Configuration(id=1, **engine, **known))
    assert (plain.time_column, plain.missing, plain.thousands, plain.header) == (None, "use", None, None)
    label = {"start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z", "code": "x"}
    reading = {"time_column": ["a", "b"], "thousands": "", "header": 0, "labels": [label]}
    said = ConfigOut.of(Configuration(id=1, **engine, **known, reading=reading))
    assert (said.time_column, said.thousands, said.header) == (["a", "b"], "", 0)
    assert said.labels is not None
    assert said.labels[0].code == "x"
