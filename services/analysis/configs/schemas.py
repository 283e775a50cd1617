"""HTTP models of configurations."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.analysis.configs.domain import ConfigChanges, Configuration, reading_config
from services.analysis.configs.reading import ReadingFields
from services.analysis.engine.config import MAX_FALSE_ALARM_RATE, MAX_SENSITIVITY, MIN_FALSE_ALARM_RATE
from shared.http.fields import SOMETHING_STORABLE, NotNull

ColumnName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255, pattern=r"^[^\x00]*$")]
FeatureName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=SOMETHING_STORABLE)
]
# The engine checks all ranges itself; these make them part of the OpenAPI document.
Fraction = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
BelowOne = Annotated[float, Field(allow_inf_nan=False, ge=0, lt=1)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]
Weight = Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)]
Sigmas = Annotated[float, Field(allow_inf_nan=False, gt=0, le=MAX_SENSITIVITY)]
Rate = Annotated[float, Field(allow_inf_nan=False, ge=MIN_FALSE_ALARM_RATE, le=MAX_FALSE_ALARM_RATE)]
Band = Annotated[float, Field(allow_inf_nan=False, gt=1)]
Bands = Annotated[list[Band], Field(min_length=3, max_length=3)]
SEVERITY_BANDS = "The ratios of distance to threshold at which an anomaly is medium, high and critical"
DETERIORATING = "The share of anomalies at which a machine is deteriorating"
FAILING = "The share of anomalies at which a machine is failing"
WORN = "The wear, in baseline standard deviations, at which a machine is deteriorating"
WORN_OUT = "The wear, in baseline standard deviations, at which a machine is failing"
THRESHOLD_SIGMAS = (
    "The alarm threshold, in standard deviations above the mean distance of normal samples: a higher value"
    " gives fewer alarms. Null unless the configuration asks for it"
)
FALSE_ALARM_RATE = (
    "The share of normal samples that may alarm, which determines the alarm threshold in place of"
    " threshold_sigmas. If both are null, it is 0.005"
)
MAX_MISSING = (
    "The share of missing features up to which a sample is judged by the others; beyond it, the sample is"
    " counted as not judged"
)
SENSITIVITY = "The former name of threshold_sigmas, with the same value"
ROLES = (
    "What features are used for: `judged` features alarm; `context` (load, speed, ambient temperature) does"
    " not alarm itself, but the others are judged given its values; `ignored` features are unused. Those that"
    " are not named get their role by rule: see `sensors` in the results of a baseline. Replaces all roles"
)
MAX_ROLES = 4096
Role = Literal["judged", "context", "ignored"]
Roles = Annotated[dict[FeatureName, Role], Field(max_length=MAX_ROLES)]
Optimizer = Literal["adam", "sgd", "lbfgs"]
Scaling = Literal["auto", "none", "standard"]
Detector = Literal["feature_mahalanobis", "map_mahalanobis", "t2_spe"]


class ConfigChange(ReadingFields):
    """The parameters to change. The others keep their values from the current configuration."""

    model_config = ConfigDict(extra="forbid")

    gamma0: Annotated[Fraction | None, NotNull()] = None
    optimizer: Annotated[Optimizer | None, NotNull()] = None
    alpha: Annotated[Positive | None, NotNull()] = None
    end_meta: Annotated[ColumnName | None, NotNull()] = Field(
        None, description="The last metadata column; empty if the features come first"
    )
    start_dim: Annotated[FeatureName | None, NotNull()] = Field(None, description="The first feature column")
    end_dim: Annotated[FeatureName | None, NotNull()] = Field(None, description="The last feature column")
    scaling: Annotated[Scaling | None, NotNull()] = None
    detector: Annotated[Detector | None, NotNull()] = None
    ewma: Weight | None = Field(
        None, description="The weight of the newest sample in the moving average; null for single samples"
    )
    sensitivity: Sigmas | None = Field(None, description=SENSITIVITY)
    threshold_sigmas: Sigmas | None = Field(None, description=THRESHOLD_SIGMAS)
    false_alarm_rate: Rate | None = Field(None, description=FALSE_ALARM_RATE)
    max_missing: Annotated[BelowOne | None, NotNull()] = Field(None, description=MAX_MISSING)

    roles: Annotated[Roles | None, NotNull()] = Field(None, description=ROLES)
    severity_bands: Annotated[Bands | None, NotNull()] = Field(None, description=SEVERITY_BANDS)
    deteriorating_fraction: Annotated[Weight | None, NotNull()] = Field(None, description=DETERIORATING)
    failing_fraction: Annotated[Weight | None, NotNull()] = Field(None, description=FAILING)
    deteriorating_wear: Annotated[Positive | None, NotNull()] = Field(None, description=WORN)
    failing_wear: Annotated[Positive | None, NotNull()] = Field(None, description=WORN_OUT)

    @field_validator("threshold_sigmas")
    @classmethod
    def _same_under_both_names(cls, value: float | None, info: ValidationInfo) -> float | None:
        sensitivity = info.data.get("sensitivity")
        if value is not None and sensitivity is not None and value != sensitivity:
            raise PydanticCustomError(
                "two_names",
                "threshold_sigmas and sensitivity are two names for the same parameter. Send only"
                " threshold_sigmas, or the same value for both",
            )
        return value

    @field_validator("false_alarm_rate")
    @classmethod
    def _one_threshold(cls, value: float | None, info: ValidationInfo) -> float | None:
        asked = (info.data.get("sensitivity"), info.data.get("threshold_sigmas"))
        if value is not None and asked != (None, None):
            raise PydanticCustomError(
                "two_thresholds",
                "false_alarm_rate and threshold_sigmas both determine the alarm threshold. Send only one of"
                " them",
            )
        return value

    def changes(self) -> ConfigChanges:
        """What was sent, by the names of the configuration's columns.

        Asking for the threshold in one way ends the other.
        """
        sent = self.model_dump(exclude_unset=True, exclude=set(ReadingFields.model_fields))
        if "threshold_sigmas" in sent:
            sent["sensitivity"] = sent.pop("threshold_sigmas")
        if sent.get("false_alarm_rate") is not None:
            sent["sensitivity"] = None
        elif sent.get("sensitivity") is not None:
            sent["false_alarm_rate"] = None
        return ConfigChanges(sent, self.reading())


class Numbered(BaseModel):
    id: int
    version: int


class ConfigOut(ReadingFields, Numbered):
    gamma0: float
    optimizer: str
    alpha: float
    end_meta: str
    start_dim: str
    end_dim: str
    scaling: str
    detector: str
    ewma: float | None
    sensitivity: float | None = Field(description=SENSITIVITY)
    threshold_sigmas: float | None = Field(description=THRESHOLD_SIGMAS)
    false_alarm_rate: float | None = Field(description=FALSE_ALARM_RATE)
    max_missing: float = Field(description=MAX_MISSING)
    roles: dict[str, str] = Field(description=ROLES)
    severity_bands: list[float] = Field(description=SEVERITY_BANDS)
    deteriorating_fraction: float = Field(description=DETERIORATING)
    failing_fraction: float = Field(description=FAILING)
    deteriorating_wear: float = Field(description=WORN)
    failing_wear: float = Field(description=WORN_OUT)
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
    created_at: datetime
    created_by: UUID | None
    inline: bool = Field(description="Whether it came with an analysis; it is then never the current one")

    @classmethod
    def of(cls, config: Configuration) -> "ConfigOut":
        names = set(cls.model_fields) - set(ReadingFields.model_fields)
        reading = {name: value or None for name, value in asdict(reading_config(config)).items()}
        # An empty text is a value of `thousands`, and 0 one of `header`.
        reading |= {name: config.reading[name] for name in ("thousands", "header") if name in config.reading}
        return cls(**{name: getattr(config, name) for name in names}, **reading)
