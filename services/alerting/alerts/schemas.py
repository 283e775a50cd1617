"""HTTP models of alerts."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.alerting.alerts.bulk import ActionName, Bulk, BulkOutcome
from services.alerting.alerts.domain import Alert, AlertOutcome, AlertStatus, Resolution
from services.alerting.alerts.summary import AlertCounts, AlertSummary
from services.alerting.deliveries.domain import Delivery
from services.alerting.deliveries.schemas import DeliveryOut
from services.alerting.rules.leaves import SeverityLabel
from shared.errors import DInsightError
from shared.http.fields import SOMETHING_STORABLE, STORABLE, Moment

MAX_BULK = 200

NoteText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=STORABLE)]
CommentText = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=SOMETHING_STORABLE)
]
FaultCode = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=100, pattern=SOMETHING_STORABLE)
]


class AlertNote(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: NoteText | None = Field(default=None, examples=["Replacing the bearing"])


class AlertAcknowledge(AlertNote):
    expires_at: Moment | None = Field(
        default=None, description="When the acknowledgement ends by itself; it must be in the future"
    )


class AlertAssign(AlertNote):
    user_id: UUID | None = Field(description="An active member of the organization; null ends the assignment")


class AlertComment(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: CommentText = Field(examples=["Vibration is back since the morning"])


class AlertResolve(AlertNote):
    outcome: AlertOutcome | None = Field(
        default=None, description="What the alert turned out to be; it counts for the precision of the rule"
    )
    fault_code: FaultCode | None = Field(default=None, examples=["BRG-02"])

    def resolution(self) -> Resolution:
        return Resolution(self.note, outcome=self.outcome, fault_code=self.fault_code)


class AlertBulk(AlertResolve):
    """One action on several alerts.

    Of the other fields, only those that the request for a single alert accepts are used.
    """

    action: ActionName
    alert_ids: Annotated[list[UUID], Field(min_length=1, max_length=MAX_BULK)]
    expires_at: Moment | None = None
    user_id: UUID | None = None

    def bulk(self) -> Bulk:
        return Bulk(self.action, self.alert_ids, self.resolution(), self.expires_at, self.user_id)


class Refusal(BaseModel):
    """Why one of several alerts was not changed: the problem that its own request would get."""

    title: str
    status: int
    detail: str
    code: str
    params: dict[str, Any]

    @classmethod
    def of(cls, error: DInsightError) -> "Refusal":
        return cls(
            title=error.title,
            status=error.status,
            detail=error.detail,
            code=error.extra.get("code", error.reason_code),
            params=error.extra.get("params", dict(error.params)),
        )


class BulkResult(BaseModel):
    alert_id: UUID
    status: AlertStatus | None
    refused: Refusal | None

    @classmethod
    def of(cls, outcome: BulkOutcome) -> "BulkResult":
        refused = Refusal.of(outcome.error) if outcome.error else None
        return cls(alert_id=outcome.alert_id, status=outcome.status, refused=refused)


class BulkResults(BaseModel):
    """In the order of the request."""

    results: list[BulkResult]


class AlertOut(BaseModel):
    """`summary`, `worst_...` and `features` describe the worst finding so far."""

    id: UUID
    organization_id: UUID
    alert_rule_id: UUID
    rule_name: str
    machine_id: UUID
    machine_name: str
    anomaly_id: UUID | None = Field(description="The anomaly that opened the alert, if one did")
    analysis_id: UUID | None
    status: AlertStatus
    severity: SeverityLabel
    summary: str
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    worst_distance_ratio: float | None
    worst_anomaly_id: UUID | None
    features: list[dict[str, Any]]
    acknowledged_by: UUID | None
    acknowledged_at: datetime | None
    acknowledge_note: str | None
    acknowledge_expires_at: datetime | None
    assigned_to: UUID | None
    resolved_by: UUID | None
    resolved_at: datetime | None
    resolve_note: str | None
    untold: bool = Field(
        description="Whether nobody was notified that it is open: its samples were late, or its rule muted"
    )
    resolve_code: str | None = Field(
        description="Why the service itself resolved the alert: cleared, rule_changed, rule_switched_off,"
        " rule_deleted, machine_deleted or template_changed"
    )
    outcome: AlertOutcome | None
    fault_code: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, alert: Alert) -> "AlertOut":
        return cls.model_validate(_alert_values(alert))


class AlertDetail(AlertOut):
    deliveries: list[DeliveryOut]

    @classmethod
    def with_deliveries(cls, alert: Alert, deliveries: Sequence[Delivery]) -> "AlertDetail":
        return cls.model_validate(
            _alert_values(alert) | {"deliveries": [DeliveryOut.of(delivery) for delivery in deliveries]}
        )


class AlertCountsOut(BaseModel):
    """The alerts of a list, on all its pages. `unacknowledged` counts open ones only."""

    total: int
    open: int
    unacknowledged: int
    by_status: dict[AlertStatus, int]
    by_severity: dict[SeverityLabel, int]

    @classmethod
    def of(cls, counts: AlertCounts) -> "AlertCountsOut":
        return cls.model_validate(asdict(counts))


class BusyOut(BaseModel):
    id: UUID
    name: str
    raised: int
    open: int


class AlertSummaryOut(BaseModel):
    """Alerts of a shift. Outcomes are of those resolved in it; what is open is open now."""

    since: datetime
    until: datetime
    raised: int
    raised_critical: int
    acknowledged: int = Field(description="Of the raised ones")
    median_seconds_to_acknowledge: float | None
    resolved: int
    true_alarms: int
    false_alarms: int
    maintenance: int
    open: int
    open_critical: int
    open_unacknowledged: int
    open_unassigned: int
    oldest_unacknowledged_at: datetime | None
    machines: list[BusyOut] = Field(description="The machines with most alerts")
    rules: list[BusyOut] = Field(description="The rules with most alerts")

    @classmethod
    def of(cls, summary: AlertSummary) -> "AlertSummaryOut":
        return cls.model_validate(asdict(summary))


def _alert_values(alert: Alert) -> dict[str, Any]:
    values = {name: getattr(alert, name) for name in AlertOut.model_fields}
    return values | {"severity": alert.severity.label, "features": list(alert.features)}
