"""Keeps the replica of alerts up to date."""

from datetime import datetime
from uuid import UUID

from services.analysis.alerts.domain import AlertRef
from services.analysis.database.unit import Unit
from shared.events.alerting import AlertState


async def follow(unit: Unit, organization_id: UUID, published_at: datetime, alert: AlertState) -> None:
    """Store the state, unless a newer one is known or the machine is deleted.

    Events of the previous version of alerting say nothing about times; `published_at`, the time of the event,
    then comes close.
    """
    resolved = alert.status == "resolved"
    await unit.summaries.merge_alert(
        AlertRef(
            id=alert.alert_id,
            organization_id=organization_id,
            machine_id=alert.machine_id,
            rule_name=alert.rule_name,
            status=alert.status,
            severity=alert.severity,
            summary=alert.summary,
            count=alert.count,
            worst_ratio=alert.worst_distance_ratio,
            first_seen_at=alert.first_seen_at,
            last_seen_at=alert.last_seen_at,
            raised_at=alert.raised_at or published_at,
            acknowledged_at=alert.acknowledged_at,
            resolved_at=(alert.resolved_at or published_at) if resolved else None,
            version=alert.version,
            outcome=alert.outcome,
        )
    )
