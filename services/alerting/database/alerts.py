"""Alerts in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from services.alerting.alerts.changes import AlertChange, RecordedChange
from services.alerting.alerts.domain import Alert, AlertFilter, AlertOutcome, AlertStatus, Change
from services.alerting.alerts.summary import AlertCounts, AlertSummary, Busy, Group
from services.alerting.database.paging import page_parameters
from services.alerting.rules.signals import Severity
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

ALERT_FIELDS = tuple(field.name for field in fields(Alert))
# The fields stored in alerts.data; the others are columns.
ALERT_DATA = (
    "rule_name",
    "machine_name",
    "summary",
    "count",
    "first_seen_at",
    "last_seen_at",
    "worst_distance_ratio",
    "worst_anomaly_id",
    "analysis_id",
    "features",
    "acknowledge_note",
    "acknowledge_expires_at",
    "resolve_note",
    "resolve_code",
)
# Those that rows of an older version lack.
LATER_DATA = {"acknowledge_expires_at": None, "resolve_code": None}


# Of machines and of rules in a summary.
MAX_BUSIEST = 10


class PostgresAlertRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, alert: Alert) -> bool:
        return await self._queries.insert_alert(self._connection, **_alert_row(alert)) is True

    async def get(self, alert_id: UUID) -> Alert | None:
        return _alert(await self._queries.get_alert(self._connection, id=alert_id))

    async def lock(self, alert_id: UUID) -> Alert | None:
        return _alert(await self._queries.lock_alert(self._connection, id=alert_id))

    async def lock_all(self, alert_ids: Sequence[UUID]) -> None:
        await self._queries.lock_alerts(self._connection, ids=alert_ids)

    async def lock_open(self, organization_id: UUID, dedupe_key: str) -> Alert | None:
        return _alert(
            await self._queries.lock_open_alert(
                self._connection, organization_id=organization_id, dedupe_key=dedupe_key
            )
        )

    async def lock_open_of(self, organization_id: UUID, dedupe_keys: Sequence[str]) -> Sequence[Alert]:
        rows = self._queries.lock_open_alerts_of_keys(
            self._connection, organization_id=organization_id, dedupe_keys=dedupe_keys
        )
        return [alert async for row in rows if (alert := _alert(row))]

    async def lock_resolved_since(self, rule_id: UUID, dedupe_key: str, since: datetime) -> Alert | None:
        return _alert(
            await self._queries.lock_alert_resolved_since(
                self._connection, alert_rule_id=rule_id, dedupe_key=dedupe_key, since=since
            )
        )

    async def lock_open_of_rule(self, rule_id: UUID) -> Sequence[Alert]:
        rows = self._queries.lock_open_alerts_of_rule(self._connection, alert_rule_id=rule_id)
        return [alert async for row in rows if (alert := _alert(row))]

    async def lock_open_of_machine(self, machine_id: UUID, limit: int) -> Sequence[Alert]:
        rows = self._queries.lock_open_alerts_of_machine(self._connection, machine_id=machine_id, limit=limit)
        return [alert async for row in rows if (alert := _alert(row))]

    async def list(self, wanted: AlertFilter, page: PageRequest) -> Slice[Alert]:
        rows = self._queries.list_alerts(self._connection, **_filter(wanted), **page_parameters(page))
        alerts = [alert async for row in rows if (alert := _alert(row))]
        return Slice.cut(alerts, page.limit, lambda alert: Cursor(alert.created_at, alert.id))

    async def count(self, wanted: AlertFilter) -> AlertCounts:
        rows = self._queries.count_alerts(self._connection, **_filter(wanted))
        return AlertCounts.of(
            [
                (Group(row["status"], row["severity"], row["acknowledged"]), row["alerts"])
                async for row in rows
            ]
        )

    async def summary(self, since: datetime, until: datetime) -> AlertSummary:
        period = {"since": since, "until": until}
        totals = await self._queries.summarize_alerts(self._connection, **period)
        machines = self._queries.busiest_machines(self._connection, **period, limit=MAX_BUSIEST)
        rules = self._queries.busiest_rules(self._connection, **period, limit=MAX_BUSIEST)
        return AlertSummary(
            since,
            until,
            **dict(totals),
            machines=[Busy(**dict(row)) async for row in machines],
            rules=[Busy(**dict(row)) async for row in rules],
        )

    async def update(self, alert: Alert) -> None:
        row = _alert_row(alert)
        for fixed in ("organization_id", "alert_rule_id", "machine_id", "anomaly_id", "dedupe_key"):
            del row[fixed]
        await self._queries.update_alert(self._connection, **row)

    async def reopen(self, alert: Alert) -> bool:
        try:
            async with self._connection.transaction():
                await self.update(alert)
        except asyncpg.UniqueViolationError:
            return False
        return True

    async def discard(self, alert_id: UUID) -> None:
        await self._queries.discard_alert(self._connection, id=alert_id)

    async def record(self, change: AlertChange) -> None:
        alert = change.alert
        await self._queries.insert_alert_change(
            self._connection,
            alert_id=alert.id,
            version=alert.version,
            organization_id=alert.organization_id,
            kind=change.kind,
            at=change.at,
            by_user=change.by,
            reason=change.reason,
            code=change.code,
            status=alert.status,
            severity=alert.severity.label,
            assigned_to=alert.assigned_to,
        )

    async def changes_of(self, alert_id: UUID) -> Sequence[RecordedChange]:
        rows = self._queries.list_alert_changes(self._connection, alert_id=alert_id)
        return [_recorded(row) async for row in rows]


def _filter(wanted: AlertFilter) -> dict[str, Any]:
    return asdict(wanted) | {"severity": wanted.severity.label if wanted.severity else None}


def _alert_row(alert: Alert) -> dict[str, Any]:
    row = {name: getattr(alert, name) for name in ALERT_FIELDS}
    data = {name: row.pop(name) for name in ALERT_DATA}
    return row | {"severity": alert.severity.label, "data": data}


def _alert(row: asyncpg.Record | None) -> Alert | None:
    if row is None:
        return None
    data: Mapping[str, Any] = row["data"]
    columns = {**row, **LATER_DATA, **data, "published_at": row["told_at"]}
    expires = columns["acknowledge_expires_at"]
    values = {name: columns[name] for name in ALERT_FIELDS}
    return Alert(
        **values
        | {
            "status": AlertStatus(row["status"]),
            "severity": Severity.parse(row["severity"]),
            "first_seen_at": datetime.fromisoformat(data["first_seen_at"]),
            "last_seen_at": datetime.fromisoformat(data["last_seen_at"]),
            "acknowledge_expires_at": datetime.fromisoformat(expires) if expires else None,
            "outcome": AlertOutcome(row["outcome"]) if row["outcome"] else None,
            "worst_anomaly_id": _uuid(data["worst_anomaly_id"]),
            "analysis_id": _uuid(data["analysis_id"]),
            "features": tuple(data["features"]),
        }
    )


def _recorded(row: asyncpg.Record) -> RecordedChange:
    return RecordedChange(
        alert_id=row["alert_id"],
        version=row["version"],
        kind=Change(row["kind"]),
        at=row["at"],
        by=row["by_user"],
        reason=row["reason"],
        code=row["code"],
        status=AlertStatus(row["status"]),
        severity=Severity.parse(row["severity"]),
        assigned_to=row["assigned_to"],
    )


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)
