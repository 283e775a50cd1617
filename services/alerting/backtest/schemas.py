"""HTTP models of backtests."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.alerting.backtest.domain import Curve
from services.alerting.backtest.service import Backtest
from services.alerting.rules.leaves import SeverityLabel
from services.alerting.rules.schemas import Condition
from services.alerting.series.domain import moment


class BacktestRequest(BaseModel):
    """A rule to try out, which does not have to exist."""

    model_config = ConfigDict(extra="forbid")

    machine_id: UUID
    condition: Condition
    severity: SeverityLabel = "medium"


class BacktestAlertOut(BaseModel):
    """Times are those of samples. Without an end, the alert stays open until somebody resolves it."""

    raised_at: datetime
    resolved_at: datetime | None
    last_seen_at: datetime
    severity: SeverityLabel
    summary: str
    count: int
    quiet: Literal["late", "muted"] | None = Field(description="Why nobody would have been notified")


class BacktestSeriesOut(BaseModel):
    """Parallel columns with one entry per bucket that has judged samples; ratios of distance to threshold."""

    at: list[datetime] = Field(description="The time of the bucket's first sample")
    min: list[float]
    max: list[float]
    mean: list[float]
    samples: list[int]
    anomalies: list[int]


class OverlapOut(BaseModel):
    """The alerts that the rule opened, or all rules of the machine if this one is not saved."""

    recorded: int
    matched: int = Field(description="Those during which this rule would have had an alert, too")
    outcomes: dict[str, int] = Field(description="What people called the matched ones")


class BacktestOut(BaseModel):
    since: datetime
    until: datetime
    samples: int
    alerts: list[BacktestAlertOut]
    per_week: float
    overlap: OverlapOut
    series: BacktestSeriesOut
    downsampled: bool = Field(
        description="Older samples are kept as buckets with their highest ratio: counts are approximate there"
    )
    truncated: bool = Field(description="Only the newest samples, or the first alerts, are here")

    @classmethod
    def of(cls, found: Backtest) -> "BacktestOut":
        replay = found.replay
        return cls(
            since=found.since,
            until=found.until,
            samples=replay.samples,
            alerts=[
                BacktestAlertOut(
                    raised_at=alert.raised_at,
                    resolved_at=alert.resolved_at,
                    last_seen_at=alert.last_seen_at,
                    severity=alert.severity.label,
                    summary=alert.summary,
                    count=alert.count,
                    quiet=alert.quiet,
                )
                for alert in replay.alerts
            ],
            per_week=replay.per_week(found.since, found.until),
            overlap=OverlapOut.model_validate(found.overlap, from_attributes=True),
            series=_columns(found.curve),
            downsampled=found.downsampled,
            truncated=found.truncated or replay.truncated,
        )


def _columns(curve: Curve | None) -> BacktestSeriesOut:
    if curve is None:
        return BacktestSeriesOut(at=[], min=[], max=[], mean=[], samples=[], anomalies=[])
    return BacktestSeriesOut(
        at=[moment(at) for at in curve.at.tolist()],
        min=curve.low.tolist(),
        max=curve.high.tolist(),
        mean=curve.mean.tolist(),
        samples=curve.samples.astype(int).tolist(),
        anomalies=curve.anomalies.astype(int).tolist(),
    )
