"""HTTP models of what-if questions."""

from uuid import UUID

from pydantic import BaseModel, Field

from services.analysis.whatif.domain import MAX_INTERVALS, WhatIf


class PromiseOut(BaseModel):
    """The expected rate of false alarms, with its 95 % interval."""

    rate: float
    low: float
    high: float


class IntervalOut(BaseModel):
    start: int = Field(description="Index of the first sample, counted from 0")
    stop: int = Field(description="Index after the last sample")


class AgainstOutcomesOut(BaseModel):
    """Resolved alerts during the run by their outcome, and how many of them would have a sample still."""

    true_alarms: int
    true_alarms_kept: int
    false_alarms: int
    false_alarms_kept: int


class WhatIfOut(BaseModel):
    analysis_id: UUID
    threshold: float
    promised: PromiseOut
    samples: int
    anomaly_count: int
    interval_count: int
    intervals: list[IntervalOut] = Field(description=f"Successive anomalies; the first {MAX_INTERVALS:,}")
    against_outcomes: AgainstOutcomesOut | None = Field(
        description="Null if no alert during the run was resolved as a true or a false alarm"
    )

    @classmethod
    def of(cls, found: WhatIf) -> "WhatIfOut":
        intervals = [IntervalOut(start=start, stop=stop) for start, stop in found.intervals]
        own = {name: getattr(found, name) for name in cls.model_fields}
        return cls.model_validate(own | {"intervals": intervals}, from_attributes=True)
