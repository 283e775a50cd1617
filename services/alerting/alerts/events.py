"""What events and messages say of an alert."""

from typing import Any

from services.alerting.alerts.domain import Alert


def state_of(alert: Alert) -> dict[str, Any]:
    """The fields of `AlertState`."""
    return {
        "alert_id": alert.id,
        "alert_rule_id": alert.alert_rule_id,
        "rule_name": alert.rule_name,
        "machine_id": alert.machine_id,
        "anomaly_id": alert.anomaly_id,
        "status": alert.status.value,
        "severity": alert.severity.label,
        "count": alert.count,
        "first_seen_at": alert.first_seen_at,
        "last_seen_at": alert.last_seen_at,
        "worst_distance_ratio": alert.worst_distance_ratio,
        "summary": alert.summary,
        "raised_at": alert.created_at,
        "acknowledged_at": alert.acknowledged_at,
        "resolved_at": alert.resolved_at,
        "version": alert.version,
    }
