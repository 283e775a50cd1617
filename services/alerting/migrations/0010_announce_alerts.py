"""Alerts are told once more, for the replica that analysis keeps of them from now on.

Events of alerts are kept for some days only, so an alert that has been open for longer would be missing
there. Resolved ones are told for a year back, for timelines. Whoever knows an alert ignores the event, whose
version is the alert's.
"""

from typing import Any

import orjson
from alembic import op

from shared.clock import SystemClock, time_ordered_id
from shared.events.alerting import ALERT_CHANGED, AlertChanged
from shared.events.base import Event
from shared.events.codec import encode

revision = "alerting_0010"
down_revision = "alerting_0009"

PAGE = 1000
ALERTS = """
SELECT id, organization_id, alert_rule_id, machine_id, anomaly_id, status, severity, data, created_at,
       acknowledged_at, resolved_at, version
FROM alerts
WHERE (status <> 'resolved' OR resolved_at > now() - interval '1 year') AND ($1::uuid IS NULL OR id > $1)
ORDER BY id LIMIT $2
"""
ANNOUNCE = """
INSERT INTO outbox (id, topic, key, value, headers, keep_latest, transient)
VALUES ($1, $2, $3, $4, $5, false, false)
"""


def upgrade() -> None:
    connection, last = op.get_bind(), None
    while rows := connection.exec_driver_sql(ALERTS, (last, PAGE)).mappings().all():
        records = [_record(row) for row in rows]
        connection.exec_driver_sql(ANNOUNCE, records)
        last = rows[-1]["id"]


def _record(row: Any) -> tuple[Any, ...]:
    event = _event(row)
    value, headers = encode(event)
    text = {name: content.decode("latin-1") for name, content in headers.items()}
    return event.id, ALERT_CHANGED.name, event.key, value, orjson.dumps(text).decode()


def _event(row: Any) -> Event[AlertChanged]:
    data = row["data"] if isinstance(row["data"], dict) else orjson.loads(row["data"])
    payload = AlertChanged(
        alert_id=row["id"],
        alert_rule_id=row["alert_rule_id"],
        rule_name=data["rule_name"],
        machine_id=row["machine_id"],
        anomaly_id=row["anomaly_id"],
        status=row["status"],
        severity=row["severity"],
        count=data["count"],
        first_seen_at=data["first_seen_at"],
        last_seen_at=data["last_seen_at"],
        worst_distance_ratio=data["worst_distance_ratio"],
        summary=data["summary"],
        raised_at=row["created_at"],
        acknowledged_at=row["acknowledged_at"],
        resolved_at=row["resolved_at"],
        version=row["version"],
        change="updated",
    )
    key, organization_id = str(row["machine_id"]), row["organization_id"]
    return Event(time_ordered_id(), ALERT_CHANGED, key, organization_id, SystemClock().now(), payload)
