"""HTTP models of machines' health."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.analysis.anomalies.schemas import DailyAnomaliesOut
from services.analysis.domain import Analysis
from services.analysis.health.domain import MachineHealth


class WearPoint(BaseModel):
    """A monitoring run.

    `wear` is in standard deviations of the baseline's distances; `state` is the machine's, once the run was
    known.
    """

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


class MovedSensor(BaseModel):
    name: str
    level: float = Field(description="From the baseline's mean, in its standard deviations")


class DriftOut(BaseModel):
    """A lasting change since the baseline; times are those of samples. Null where there is none."""

    state: Literal["none", "moving", "outside", "settled", "unknown"] = Field(
        description="`moving`: it still changes; `outside`: off, and not steady; `settled`: at a new normal"
    )
    onset: datetime | None
    earliest: datetime | None
    latest: datetime | None
    steady_since: datetime | None
    shift: float | None = Field(
        description="How far the distances have moved, in the baseline's standard deviations of them"
    )
    samples: int | None = Field(description="Samples since the onset")
    sensors: list[MovedSensor] = Field(description="Those that have moved most, in the newest run")
    proposed: bool = Field(description="Whether a new baseline is proposed")


class FindingOut(BaseModel):
    """A reason or an advice: a text, and the same as a stable code with its parameters."""

    code: str
    params: dict[str, Any]
    text: str


class HealthOut(BaseModel):
    """The runs of `wear` come in the order of their data, and the same file counts once."""

    machine_id: UUID
    state: Literal["ok", "deteriorating", "failing", "unknown"]
    reasons: list[str]
    findings: list[FindingOut] = Field(description="The reasons with their codes")
    wear: list[WearPoint]
    daily: list[DailyAnomaliesOut] = Field(description="Anomalies per day (UTC)")
    drift: DriftOut | None = Field(description="Since the active baseline; null if it has judged no run yet")
    advice: list[FindingOut] = Field(description="What to do, with codes")

    @classmethod
    def of(cls, health: MachineHealth) -> "HealthOut":
        return cls.model_validate(
            {
                "machine_id": health.machine_id,
                "state": health.state,
                "reasons": list(health.reasons),
                "findings": list(health.findings),
                "wear": [WearPoint.of(run) for run in health.runs],
                "daily": [DailyAnomaliesOut.of(daily) for daily in health.daily],
                "drift": health.drift,
                "advice": health.advice,
            }
        )


class TrendOut(BaseModel):
    """Sen's slope with its 95 % interval, the Mann-Kendall test, and when wear crosses the failing level.

    `significant`: at 2 %. The crossing lies between `crossing_earliest` and `crossing_latest`; null is
    unknown.
    """

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
    code: str
    params: dict[str, float]


class RegimeWearOut(BaseModel):
    """A regime of the baseline (`samples` around a position of the map, with their distance and its spread).

    `monitored` counts the samples that came later; `latest` and `slope` are their wear; null: too few of
    them.
    """

    samples: int
    x: float
    y: float
    distance: float
    spread: float
    monitored: int
    latest: float | None
    slope: float | None


class ForecastOut(BaseModel):
    """What the samples up to `at` said about the crossing; `within` is null while it may still come true."""

    at: float
    crossing: float | None
    earliest: float | None
    latest: float | None
    within: bool | None


class ForecastScoresOut(BaseModel):
    """How earlier forecasts did: the share whose interval held, and their median error.

    `crossed` is when the wear reached the failing level; `scored` counts the forecasts that are decided.
    """

    crossed: float | None
    scored: int
    within: int
    coverage: float | None
    median_error: float | None


class DeteriorationOut(BaseModel):
    """`wear` is in standard deviations of the baseline's distances, in the regime of each sample."""

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
    regimes: list[RegimeWearOut]
    forecasts: list[ForecastOut]
    forecast_scores: ForecastScoresOut
