"""The form of a change and the engine agree on what may be set."""

from dataclasses import fields
from typing import get_args

from services.analysis.configs.domain import EDITABLE, PARAMETERS
from services.analysis.configs.schemas import ConfigChange, Detector, Optimizer, Scaling
from services.analysis.engine import EngineConfig
from services.analysis.engine.config import DETECTORS, OPTIMIZERS, SCALINGS


def test_only_editable_parameters_can_be_set() -> None:
    assert set(ConfigChange.model_fields) == set(EDITABLE)


def test_the_choices_are_the_engines() -> None:
    assert (get_args(Optimizer), get_args(Detector)) == (OPTIMIZERS, DETECTORS)
    assert set(get_args(Scaling)) == set(SCALINGS)


def test_every_parameter_is_the_engines() -> None:
    assert set(PARAMETERS) <= {field.name for field in fields(EngineConfig)}
