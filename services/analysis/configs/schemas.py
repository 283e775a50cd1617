"""HTTP models of configurations."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

from services.analysis.configs.domain import Configuration
from services.analysis.engine.config import MAX_SENSITIVITY
from shared.http.fields import SOMETHING_STORABLE, NotNull

ColumnName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255, pattern=r"^[^\x00]*$")]
FeatureName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=SOMETHING_STORABLE)
]
# The engine checks all ranges itself; these make them part of the OpenAPI document.
Fraction = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]
Weight = Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)]
Sigmas = Annotated[float, Field(allow_inf_nan=False, gt=0, le=MAX_SENSITIVITY)]
Band = Annotated[float, Field(allow_inf_nan=False, gt=1)]
Bands = Annotated[list[Band], Field(min_length=3, max_length=3)]
SEVERITY_BANDS = "The ratios of distance to threshold at which an anomaly is medium, high and critical"
DETERIORATING = "The share of anomalies at which a machine is deteriorating"
FAILING = "The share of anomalies at which a machine is failing"
WORN = "The wear, in baseline standard deviations, at which a machine is deteriorating"
WORN_OUT = "The wear, in baseline standard deviations, at which a machine is failing"
THRESHOLD_SIGMAS = (
    "The alarm threshold, in standard deviations above the mean distance of normal samples: a higher value"
    " gives fewer alarms"
)
SENSITIVITY = "The former name of threshold_sigmas, with the same value"
Optimizer = Literal["adam", "sgd", "lbfgs"]
Scaling = Literal["auto", "none", "standard"]
Detector = Literal["feature_mahalanobis", "map_mahalanobis", "t2_spe"]


class ConfigChange(BaseModel):
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
    sensitivity: Annotated[Sigmas | None, NotNull()] = Field(None, description=SENSITIVITY)
    threshold_sigmas: Annotated[Sigmas | None, NotNull()] = Field(None, description=THRESHOLD_SIGMAS)
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

    def changes(self) -> dict[str, Any]:
        """The parameters that were sent, by the names of the configuration's columns."""
        sent = self.model_dump(exclude_unset=True)
        if "threshold_sigmas" in sent:
            sent["sensitivity"] = sent.pop("threshold_sigmas")
        return sent


class ConfigOut(BaseModel):
    id: int
    version: int
    gamma0: float
    optimizer: str
    alpha: float
    end_meta: str
    start_dim: str
    end_dim: str
    scaling: str
    detector: str
    ewma: float | None
    sensitivity: float = Field(description=SENSITIVITY)
    threshold_sigmas: float = Field(description=THRESHOLD_SIGMAS)
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

    @classmethod
    def of(cls, config: Configuration) -> "ConfigOut":
        return cls.model_validate(config, from_attributes=True)
