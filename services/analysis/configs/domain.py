"""An organization's parameters, in versions."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.analysis.engine import EngineConfig


@dataclass(frozen=True, slots=True)
class Configuration:
    """One version of an organization's parameters; the columns of `config_data`."""

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
    sensitivity: float
    created_at: datetime
    created_by: UUID | None


# What a client may set; everything else in a configuration is the system's.
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
    """The engine's view of a stored configuration."""
    return EngineConfig(**{name: getattr(config, name) for name in PARAMETERS})
