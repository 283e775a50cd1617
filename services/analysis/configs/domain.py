"""Configurations: the versions of an organization's parameters."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.analysis.engine import JUDGING, BaselineModel, EngineConfig, ReadingConfig, ignored


@dataclass(frozen=True, slots=True)
class Configuration:
    """A version of an organization's parameters: the columns of `config_data`.

    `reading` holds the fields of ReadingConfig that differ from their defaults. An `inline` version came with
    an analysis, and is never the current one.
    """

    id: int
    organization_id: UUID
    version: int
    gamma0: float
    optimizer: str
    alpha: float
    end_meta: str
    start_dim: str
    end_dim: str
    imax: int
    lowdim: int
    eta: float
    epsilon: float
    beta1: float
    beta2: float
    beta: float
    a: float
    w1: float
    w2: float
    which_w1: str
    mode: str
    param_mode: float
    scaling: str
    detector: str
    ewma: float | None
    sensitivity: float | None
    false_alarm_rate: float | None
    max_missing: float
    roles: Mapping[str, str]
    severity_bands: tuple[float, float, float]
    deteriorating_fraction: float
    failing_fraction: float
    deteriorating_wear: float
    failing_wear: float
    created_at: datetime
    created_by: UUID | None
    reading: Mapping[str, Any] = field(default_factory=dict)
    inline: bool = False

    @property
    def threshold_sigmas(self) -> float | None:
        """The public name of `sensitivity`, which is misleading: a higher value gives fewer alarms."""
        return self.sensitivity


@dataclass(frozen=True, slots=True)
class ConfigChanges:
    """Parameters to change, by the names of the columns, and fields of `reading`, where None is the
    default."""

    parameters: Mapping[str, Any]
    reading: Mapping[str, Any]

    @property
    def sent(self) -> dict[str, Any]:
        """Everything that changes, for the audit trail."""
        return {**self.parameters, **self.reading}


# The parameters that a client may set.
EDITABLE = (
    "gamma0",
    "optimizer",
    "alpha",
    "end_meta",
    "start_dim",
    "end_dim",
    "scaling",
    "detector",
    "ewma",
    "sensitivity",
    "false_alarm_rate",
    "max_missing",
    "roles",
    "severity_bands",
    "deteriorating_fraction",
    "failing_fraction",
    "deteriorating_wear",
    "failing_wear",
)
PARAMETERS = (
    *EDITABLE,
    "imax",
    "lowdim",
    "eta",
    "epsilon",
    "beta1",
    "beta2",
    "beta",
    "a",
    "w1",
    "w2",
    "which_w1",
    "mode",
    "param_mode",
)


def engine_config(config: Configuration) -> EngineConfig:
    """Convert a stored configuration to the engine's parameters."""
    return EngineConfig(**{name: getattr(config, name) for name in PARAMETERS})


def reading_config(config: Configuration) -> ReadingConfig:
    """Convert a stored configuration to what it says about files."""
    return ReadingConfig.from_json(config.reading)


def settings_results(model: BaselineModel, config: Configuration) -> dict[str, Any]:
    """Say in the results of a monitoring run what it was judged with, and which settings have no effect."""
    used = engine_config(config)
    judging = {name: getattr(used, name) for name in JUDGING if name in EDITABLE}
    return {
        "config_id": config.id,
        "threshold_sigmas": config.threshold_sigmas,
        **judging,
        "ignored": [each.as_dict() for each in ignored(model, used)],
    }
