"""HTTP models of alerts."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from services.alerting.alerts.domain import Alert, AlertStatus
from services.alerting.deliveries.domain import Delivery
from services.alerting.deliveries.schemas import DeliveryOut
from services.alerting.rules.leaves import SeverityLabel

NoteText = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2000, pattern=r"^[^\x00]*$")]


class AlertNote(BaseModel):
    model_config = ConfigDict(extra="forbid")

    note: NoteText | None = Field(default=None, examples=["Replacing the bearing"])


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
    resolved_by: UUID | None
    resolved_at: datetime | None
    resolve_note: str | None
    untold: bool = Field(
        description="Whether nobody was notified that it is open: its samples were late, or its rule muted"
    )
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


def _alert_values(alert: Alert) -> dict[str, Any]:
    values = {name: getattr(alert, name) for name in AlertOut.model_fields}
    return values | {"severity": alert.severity.label, "features": list(alert.features)}
