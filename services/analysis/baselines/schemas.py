"""HTTP models of baseline versions."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.analysis.baselines.domain import BaselineVersion
from services.analysis.baselines.service import Compared, Judged
from services.analysis.domain import Status

# Sensors that a comparison lists; the others moved less.
MAX_SENSORS = 100


class RealisedRate(BaseModel):
    """What normal samples did: those of runs that turned out to be normal."""

    runs: int
    samples: int
    anomalies: int
    rate: float | None = Field(description="The share of anomalies; null without samples")


class BaselineVersionOut(BaseModel):
    analysis_id: UUID
    number: int = Field(description="The version's number, counted per machine from 1 and never reused")
    status: Status
    created_at: datetime
    created_by: UUID
    completed_at: datetime | None
    config_id: int | None
    samples: int | None
    threshold: float | None
    readiness: dict[str, Any] | None
    active: bool = Field(description="Whether it judges the machine's next samples")
    by_hand: bool = Field(
        description="Whether somebody activated it, rather than its being activated on completion"
    )
    activated_by: UUID | None
    activated_at: datetime | None
    proposed: bool = Field(
        description="True for the newest version while another one, activated by somebody, is still active"
    )
    promised: float | None = Field(description="The expected rate of false alarms, 0 to 1")
    realised: RealisedRate = Field(
        description="Of the newest runs that it judged: those whose health was ok, unless an alert during"
        " them was a true alarm or maintenance, and those of which every alert was a false alarm"
    )

    @classmethod
    def of(cls, version: BaselineVersion) -> "BaselineVersionOut":
        results = version.results or {}
        readiness = results.get("readiness")
        samples, anomalies = version.normal_samples, version.normal_anomalies
        own = {name: getattr(version, name) for name in cls.model_fields if hasattr(version, name)}
        return cls.model_validate(
            own
            | {
                "samples": results.get("samples"),
                "threshold": results.get("threshold"),
                "readiness": readiness,
                "promised": (readiness or {}).get("expected_false_alarms"),
                "realised": RealisedRate(
                    runs=version.runs,
                    samples=samples,
                    anomalies=anomalies,
                    rate=anomalies / samples if samples else None,
                ),
            }
        )


class SensorShiftOut(BaseModel):
    name: str
    older_mean: float
    newer_mean: float
    level: float | None = Field(
        description="The difference of the means in standard deviations of the older baseline; null if the"
        " sensor was constant in it"
    )
    spread: float | None = Field(description="The newer standard deviation divided by the older one")
    moved: bool = Field(description="By a standard deviation, or to half or twice the spread")


class JudgedOut(BaseModel):
    samples: int = Field(description="At most some two thousand, spread over the whole baseline")
    anomalies: int
    anomaly_fraction: float
    median_ratio: float = Field(description="The median of distance divided by threshold")

    @classmethod
    def of(cls, judged: Judged | None) -> "JudgedOut | None":
        if judged is None:
            return None
        fraction = judged.anomalies / judged.samples if judged.samples else 0.0
        return cls(
            samples=judged.samples,
            anomalies=judged.anomalies,
            anomaly_fraction=fraction,
            median_ratio=judged.median_ratio,
        )


class ComparisonOut(BaseModel):
    older: BaselineVersionOut
    newer: BaselineVersionOut
    added_features: list[str]
    removed_features: list[str]
    sensors_moved: int
    sensors: list[SensorShiftOut] = Field(description=f"Those that moved most first, at most {MAX_SENSORS}")
    older_by_newer: JudgedOut | None = Field(
        description="How the newer baseline judges the older one's samples; null if the features differ"
    )
    newer_by_older: JudgedOut | None

    @classmethod
    def of(cls, found: Compared) -> "ComparisonOut":
        shifts = found.comparison.shifts
        return cls(
            older=BaselineVersionOut.of(found.older),
            newer=BaselineVersionOut.of(found.newer),
            added_features=list(found.comparison.added),
            removed_features=list(found.comparison.removed),
            sensors_moved=sum(shift.moved for shift in shifts),
            sensors=[
                SensorShiftOut.model_validate(shift, from_attributes=True) for shift in shifts[:MAX_SENSORS]
            ],
            older_by_newer=JudgedOut.of(found.older_by_newer),
            newer_by_older=JudgedOut.of(found.newer_by_older),
        )
