"""The events of alerts. Pure."""

from typing import Any

from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.domain import Alert
from shared.events.alerting import AlertChanged, AlertRaised


def raised(change: AlertChange) -> AlertRaised:
    return AlertRaised(**_state(change.alert))


def changed(change: AlertChange) -> AlertChanged:
    return AlertChanged(
        **_state(change.alert),
        change=change.kind,
        changed_by=change.by,
        note=change.reason,
        code=change.code,
        changed_at=change.at,
    )


def _state(alert: Alert) -> dict[str, Any]:
    return {
        "alert_id": alert.id,
        "alert_rule_id": alert.alert_rule_id,
        "rule_name": alert.rule_name,
        "machine_id": alert.machine_id,
        "machine_name": alert.machine_name,
        "anomaly_id": alert.anomaly_id,
        "analysis_id": alert.analysis_id,
        "status": alert.status.value,
        "severity": alert.severity.label,
        "count": alert.count,
        "first_seen_at": alert.first_seen_at,
        "last_seen_at": alert.last_seen_at,
        "worst_distance_ratio": alert.worst_distance_ratio,
        "summary": alert.summary,
        "raised_at": alert.created_at,
        "acknowledged_at": alert.acknowledged_at,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledge_expires_at": alert.acknowledge_expires_at,
        "assigned_to": alert.assigned_to,
        "resolved_at": alert.resolved_at,
        "outcome": alert.outcome.value if alert.outcome else None,
        "fault_code": alert.fault_code,
        "version": alert.version,
    }
