"""Events of the alerting service."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from shared.events.base import Payload, Topic

AlertStatus = Literal["pending", "active", "recovering", "resolved"]


class AlertState(Payload):
    """The alert after the change. Seen are times of samples; the other times are of the clock.

    `outcome` is true_alarm, false_alarm, maintenance or unknown, once a person has said so.
    An acknowledgement ends at `acknowledge_expires_at`, if it has one.
    """

    alert_id: UUID
    alert_rule_id: UUID
    rule_name: str
    machine_id: UUID
    anomaly_id: UUID | None
    status: AlertStatus
    severity: str
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    worst_distance_ratio: float | None
    summary: str
    raised_at: datetime | None = None
    acknowledged_at: datetime | None = None
    resolved_at: datetime | None = None
    outcome: str | None = None
    fault_code: str | None = None
    machine_name: str | None = None
    analysis_id: UUID | None = None
    acknowledged_by: UUID | None = None
    acknowledge_expires_at: datetime | None = None
    assigned_to: UUID | None = None
    version: int


class AlertRaised(AlertState):
    pass


class AlertChanged(AlertState):
    """`change` is updated, severity_changed, acknowledged, unacknowledged, assigned, commented, recovering,
    reopened or resolved.

    `note` is what a person wrote, or a sentence of the service, which then has a stable `code`.
    """

    change: str
    changed_by: UUID | None = None
    note: str | None = None
    code: str | None = None
    changed_at: datetime | None = None


ALERT_RAISED = Topic(
    "alert.raised",
    AlertRaised,
    producer="alerting",
    key="machine_id",
    description="A rule opened an alert.",
)
ALERT_CHANGED = Topic(
    "alert.changed",
    AlertChanged,
    producer="alerting",
    key="machine_id",
    description="An alert changed, was acknowledged, assigned, resolved or reopened.",
)
