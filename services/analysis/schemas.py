"""HTTP models of the analysis service."""

from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.analysis.domain import (
    Analysis,
    AnalysisType,
    Anomaly,
    Configuration,
    DailyAnomalies,
    FileUpload,
    Status,
)
from services.analysis.health import MachineHealth
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


class AnalysisAccepted(BaseModel):
    id: UUID
    file_upload_id: UUID
    status: Status

    @classmethod
    def of(cls, analysis: Analysis) -> "AnalysisAccepted":
        return cls.model_validate(analysis, from_attributes=True)


class AnalysisError(BaseModel):
    message: str
    file: str | None = None
    row: int | None = None
    column: str | None = None
    suggestion: dict[str, str] | None = Field(
        None, description="end_meta, start_dim and end_dim as detected in the file"
    )


class AnalysisOut(BaseModel):
    id: UUID
    machine_id: UUID
    file_upload_id: UUID
    baseline_id: UUID | None = Field(
        description="The baseline analysis that a monitoring run is compared with"
    )
    dinsight_id: UUID | None = Field(
        description="The map made by a baseline, or that the samples were placed on"
    )
    config_id: int | None
    analysis_type: AnalysisType
    status: Status
    stage: str | None
    progress: float = Field(ge=0, le=1)
    results: dict[str, Any] | None
    error: AnalysisError | None
    created_by: UUID
    created_at: datetime
    completed_at: datetime | None

    @classmethod
    def of(cls, analysis: Analysis) -> "AnalysisOut":
        return cls.model_validate(analysis, from_attributes=True)


class Points(BaseModel):
    """Parallel columns, one entry per sample."""

    index: list[int]
    x: list[float]
    y: list[float]
    distance: list[float | None]
    misfit: list[float | None]
    anomaly: list[bool]
    metadata: list[dict[str, Any]]


class MergedFile(BaseModel):
    filename: str
    size: int


class FileUploadOut(BaseModel):
    id: UUID
    original_filename: str
    file_size: int
    status: Status
    error_message: str | None
    merged_files: list[MergedFile]
    features: list[str] | None
    samples: int | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, upload: FileUpload) -> "FileUploadOut":
        return cls.model_validate(upload, from_attributes=True)


class Features(BaseModel):
    """`values` has one row per sample, with one number per name in `features`."""

    index: list[int]
    features: list[str]
    values: list[list[float]]
    metadata: list[dict[str, Any]]


class AnomalyOut(BaseModel):
    id: UUID
    analysis_id: UUID
    machine_id: UUID
    sample_index: int
    timestamp: datetime
    severity: str
    distance: float
    threshold: float
    x: float
    y: float
    features: dict[str, Any] = Field(
        description="The explanation: `features`, strongest first, with expected values, and `bands`"
    )
    metadata: dict[str, Any] | None
    acknowledged: bool
    acknowledged_by: UUID | None
    acknowledged_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, anomaly: Anomaly) -> "AnomalyOut":
        return cls.model_validate(anomaly, from_attributes=True)


class DailyAnomaliesOut(BaseModel):
    machine_id: UUID
    day: date
    severity: str
    anomalies: int
    worst_ratio: float | None

    @classmethod
    def of(cls, daily: DailyAnomalies) -> "DailyAnomaliesOut":
        return cls.model_validate(daily, from_attributes=True)


class DailyList(BaseModel):
    items: list[DailyAnomaliesOut]


class WearPoint(BaseModel):
    """One monitoring run; `wear` is in baseline standard deviations."""

    analysis_id: UUID
    completed_at: datetime | None
    wear: float | None
    anomaly_fraction: float | None
    state: str | None

    @classmethod
    def of(cls, run: Analysis) -> "WearPoint":
        results = run.results or {}
        return cls(
            analysis_id=run.id,
            completed_at=run.completed_at,
            wear=results.get("wear"),
            anomaly_fraction=results.get("anomaly_fraction"),
            state=(results.get("health") or {}).get("state"),
        )


class HealthOut(BaseModel):
    machine_id: UUID
    state: Literal["ok", "deteriorating", "failing", "unknown"]
    reasons: list[str]
    wear: list[WearPoint]
    daily: list[DailyAnomaliesOut] = Field(description="Counts per day; at most a minute old")

    @classmethod
    def of(cls, health: MachineHealth) -> "HealthOut":
        return cls.model_validate(
            {
                "machine_id": health.machine_id,
                "state": health.state,
                "reasons": list(health.reasons),
                "wear": [WearPoint.of(run) for run in health.runs],
                "daily": [DailyAnomaliesOut.of(daily) for daily in health.daily],
            }
        )


class TrendOut(BaseModel):
    """Theil-Sen slope with its 95 % interval, Mann-Kendall test, and when the failing level is crossed."""

    slope: float
    slope_low: float
    slope_high: float
    intercept: float
    tau: float
    p_value: float
    significant: bool
    crossing: float | None
    crossing_earliest: float | None
    crossing_latest: float | None
    text: str


class DeteriorationOut(BaseModel):
    machine_id: UUID
    baseline_id: UUID
    analysis_ids: list[UUID]
    by: str | None
    deteriorating_wear: float
    failing_wear: float
    labels: list[float | str]
    wear: list[float]
    counts: list[int]
    latest: float
    trend: TrendOut
