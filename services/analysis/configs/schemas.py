"""HTTP models of configurations."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.analysis.configs.domain import Configuration
from shared.http.fields import SOMETHING_STORABLE, NotNull

ColumnName = Annotated[str, StringConstraints(strip_whitespace=True, max_length=255, pattern=r"^[^\x00]*$")]
FeatureName = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255, pattern=SOMETHING_STORABLE)
]
# What lies outside is refused by the engine too, which knows the parameters a client may not set.
Fraction = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]
Weight = Annotated[float, Field(allow_inf_nan=False, gt=0, le=1)]
Optimizer = Literal["adam", "sgd", "lbfgs"]
Scaling = Literal["auto", "none", "standard"]
Detector = Literal["feature_mahalanobis", "map_mahalanobis", "t2_spe"]


class ConfigChange(BaseModel):
    """The parameters a client may set. What is left out stays as in the current configuration."""

    model_config = ConfigDict(extra="forbid")

    gamma0: Annotated[Fraction | None, NotNull()] = None
    optimizer: Annotated[Optimizer | None, NotNull()] = None
    alpha: Annotated[Positive | None, NotNull()] = None
    end_meta: Annotated[ColumnName | None, NotNull()] = Field(
        None, description="Last metadata column; empty when the file starts with features"
    )
    start_dim: Annotated[FeatureName | None, NotNull()] = None
    end_dim: Annotated[FeatureName | None, NotNull()] = None
    scaling: Annotated[Scaling | None, NotNull()] = None
    detector: Annotated[Detector | None, NotNull()] = None
    ewma: Weight | None = Field(
        None, description="Weight of the moving average, 0 to 1; null looks at single samples"
    )
    sensitivity: Annotated[Positive | None, NotNull()] = None


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
    sensitivity: float
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
