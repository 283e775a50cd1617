"""HTTP models of the performance of rules and of the alert budget."""

from datetime import date, datetime, time
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.alerting.performance.domain import AlertBudget, BudgetReport, Interval, RulePerformance
from services.alerting.resources.fields import TimeZone
from services.alerting.rules.leaves import SeverityLabel
from services.alerting.rules.signals import Severity

MAX_ALERTS_OF_NIGHT = 1000


WallTime = Annotated[str, StringConstraints(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]


class IntervalOut(BaseModel):
    """A share, and the bounds that hold the true one in 95 of 100 cases (score interval of Wilson)."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, interval: Interval | None) -> "IntervalOut | None":
        return None if interval is None else cls(value=interval.value, low=interval.low, high=interval.high)


class RulePerformanceOut(BaseModel):
    """What a rule did in the period."""

    rule_id: UUID
    rule_name: str
    machine_id: UUID
    is_active: bool
    raised: int
    repeats: int = Field(description="Alerts that came back within an hour of their end")
    chatters: bool
    true_alarms: int
    false_alarms: int
    maintenance: int
    unknown: int
    open: int
    precision: IntervalOut | None = Field(
        description="True alarms among those with the outcome true_alarm or false_alarm"
    )
    last_raised_at: datetime | None = Field(description="Whenever that was; null if it never raised an alert")

    @classmethod
    def of(cls, rule: RulePerformance) -> "RulePerformanceOut":
        values = {name: getattr(rule, name) for name in cls.model_fields}
        return cls.model_validate(values | {"precision": IntervalOut.of(rule.precision)})


class AlertBudgetBody(BaseModel):
    """How many alerts a night may bring."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "max_alerts": 2,
                    "starts_at": "22:00",
                    "ends_at": "06:00",
                    "time_zone": "Europe/Berlin",
                    "min_severity": "high",
                }
            ]
        },
    )

    max_alerts: int = Field(ge=0, le=MAX_ALERTS_OF_NIGHT)
    starts_at: WallTime = Field(description="Hours and minutes of the wall clock")
    ends_at: WallTime = Field(description="If it is the time of starts_at, a night is a whole day")
    time_zone: TimeZone
    min_severity: SeverityLabel = Field(default="low", description="Alerts below it do not count")

    def budget(self) -> AlertBudget:
        severity = Severity.parse(self.min_severity)
        starts_at, ends_at = time.fromisoformat(self.starts_at), time.fromisoformat(self.ends_at)
        return AlertBudget(self.max_alerts, starts_at, ends_at, self.time_zone, severity)

    @classmethod
    def of(cls, budget: AlertBudget) -> "AlertBudgetBody":
        return cls(
            max_alerts=budget.max_alerts,
            starts_at=f"{budget.starts_at:%H:%M}",
            ends_at=f"{budget.ends_at:%H:%M}",
            time_zone=budget.time_zone,
            min_severity=budget.min_severity.label,
        )


class NightOut(BaseModel):
    night: date = Field(description="The day on which the night starts")
    alerts: int
    over_budget: bool


class SpendingOut(BaseModel):
    rule_id: UUID
    rule_name: str
    alerts: int
    share: float = Field(description="Of all alerts that count")


class BudgetReportOut(BaseModel):
    """What the nights of a period brought, and which rules spent the budget."""

    budget: AlertBudgetBody
    nights: list[NightOut] = Field(description="Nights with alerts")
    nights_over_budget: int
    rules: list[SpendingOut] = Field(description="Those that spent most first")

    @classmethod
    def of(cls, report: BudgetReport) -> "BudgetReportOut":
        return cls(
            budget=AlertBudgetBody.of(report.budget),
            nights=[
                NightOut(night=night, alerts=alerts, over_budget=night in report.over)
                for night, alerts in report.nights.items()
            ],
            nights_over_budget=len(report.over),
            rules=[
                SpendingOut(
                    rule_id=rule.rule_id, rule_name=rule.rule_name, alerts=rule.alerts, share=rule.share
                )
                for rule in report.rules
            ],
        )
