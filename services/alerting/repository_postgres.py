"""All SQL of the alerting service."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg

from services.alerting.actions import Actions
from services.alerting.condition_reader import read_condition
from services.alerting.conditions import Severity
from services.alerting.deliveries import Delivery, DeliveryStatus, Lease, Outcome, Outgoing
from services.alerting.domain import (
    Alert,
    AlertFilter,
    AlertStatus,
    Change,
    MachineRef,
    MemberRef,
    Rule,
    RuleFilter,
)
from services.alerting.repository import Unit, WatchingRule
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.http.pages import Cursor, PageRequest, Slice
from shared.kafka.inbox import PostgresInbox
from shared.kafka.outbox import PostgresOutbox
from shared.postgres.connection import Connection, Database
from shared.postgres.queries import load_queries

MACHINE_COLUMNS = tuple(field.name for field in fields(MachineRef))
DELIVERY_COLUMNS = tuple(field.name for field in fields(Delivery))
ALERT_FIELDS = tuple(field.name for field in fields(Alert))
# What alerts.data holds; the other fields of an alert are columns.
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
    "resolve_note",
)


class PostgresReferenceRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def merge_machine(self, machine: MachineRef) -> None:
        await self._queries.merge_machine(self._connection, **asdict(machine))

    async def machine(self, machine_id: UUID) -> MachineRef | None:
        return _machine(await self._queries.get_machine(self._connection, id=machine_id))

    async def hold_machine(self, machine_id: UUID) -> MachineRef | None:
        return _machine(await self._queries.hold_machine(self._connection, id=machine_id))

    async def merge_member(self, member: MemberRef) -> None:
        await self._queries.merge_member(self._connection, **asdict(member))


class PostgresRuleRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, rule: Rule) -> None:
        await self._queries.insert_rule(self._connection, **_rule_row(rule))

    async def get(self, rule_id: UUID) -> Rule | None:
        return _rule(await self._queries.get_rule(self._connection, id=rule_id))

    async def lock(self, rule_id: UUID) -> Rule | None:
        return _rule(await self._queries.lock_rule(self._connection, id=rule_id))

    async def list(self, wanted: RuleFilter, page: PageRequest) -> Slice[Rule]:
        rows = self._queries.list_rules(self._connection, **asdict(wanted), **_place(page))
        rules = [rule async for row in rows if (rule := _rule(row))]
        return Slice.cut(rules, page.limit, lambda rule: Cursor(rule.created_at, rule.id))

    async def lock_watching(self, machine_id: UUID) -> Sequence[WatchingRule]:
        rows = self._queries.lock_rules_watching(self._connection, machine_id=machine_id)
        return [WatchingRule(rule, row["machine_name"]) async for row in rows if (rule := _rule(row))]

    async def update(self, rule: Rule) -> None:
        row = _rule_row(rule)
        for fixed in ("organization_id", "machine_id", "created_by", "created_at"):
            del row[fixed]
        await self._queries.update_rule(self._connection, **row)

    async def delete_of_machine(self, machine_id: UUID) -> None:
        # In this order: an alert that is being opened holds its rule, and is seen once the lock is had.
        await self._queries.lock_rules_of_machine(self._connection, machine_id=machine_id)
        await self._queries.delete_alerts_of_machine(self._connection, machine_id=machine_id)
        await self._queries.delete_rules_of_machine(self._connection, machine_id=machine_id)


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

    async def lock_open(self, organization_id: UUID, dedupe_key: str) -> Alert | None:
        return _alert(
            await self._queries.lock_open_alert(
                self._connection, organization_id=organization_id, dedupe_key=dedupe_key
            )
        )

    async def lock_resolved_since(self, rule: Rule, since: datetime) -> Alert | None:
        return _alert(
            await self._queries.lock_alert_resolved_since(
                self._connection, alert_rule_id=rule.id, dedupe_key=rule.dedupe_key, since=since
            )
        )

    async def lock_open_of_rule(self, rule_id: UUID) -> Sequence[Alert]:
        rows = self._queries.lock_open_alerts_of_rule(self._connection, alert_rule_id=rule_id)
        return [alert async for row in rows if (alert := _alert(row))]

    async def list(self, wanted: AlertFilter, page: PageRequest) -> Slice[Alert]:
        rows = self._queries.list_alerts(
            self._connection,
            status=wanted.status,
            severity=wanted.severity.label if wanted.severity else None,
            machine_id=wanted.machine_id,
            **_place(page),
        )
        alerts = [alert async for row in rows if (alert := _alert(row))]
        return Slice.cut(alerts, page.limit, lambda alert: Cursor(alert.created_at, alert.id))

    async def update(self, alert: Alert) -> None:
        row = _alert_row(alert)
        for fixed in (
            "organization_id", "alert_rule_id", "machine_id", "anomaly_id", "dedupe_key", "created_at"
        ):  # fmt: skip
            del row[fixed]
        await self._queries.update_alert(self._connection, **row)


class PostgresDeliveryRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, delivery: Delivery) -> None:
        await self._queries.insert_delivery(self._connection, **asdict(delivery))

    async def of_alert(self, alert_id: UUID) -> Sequence[Delivery]:
        rows = self._queries.list_deliveries(self._connection, alert_id=alert_id)
        return [_delivery(row) async for row in rows]

    async def leased(self, lease: Lease) -> Outgoing | None:
        row = await self._queries.get_leased_delivery(
            self._connection, delivery_id=lease.delivery_id, lease_id=lease.lease_id
        )
        if row is None:
            return None
        delivery = _delivery(row)
        return Outgoing(delivery, row["rule_id"], Actions.load(row["actions"]).webhook(delivery.channel))

    async def finish(
        self, lease: Lease, status: DeliveryStatus, target: str, outcome: Outcome, at: datetime
    ) -> bool:
        done = await self._queries.finish_delivery(
            self._connection,
            delivery_id=lease.delivery_id,
            lease_id=lease.lease_id,
            status=status,
            response_status=outcome.response_status,
            latency_ms=outcome.latency_ms,
            error=outcome.error,
            target=target,
            finished_at=at,
        )
        return done is True


class PostgresUnits:
    """Opens units of work: one transaction each."""

    def __init__(self, database: Database, clock: Clock, new_id: IdGenerator) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self._queries = load_queries(__file__)

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        async with self._database.transaction(scope) as connection:
            yield Unit(
                references=PostgresReferenceRepository(connection, self._queries),
                rules=PostgresRuleRepository(connection, self._queries),
                alerts=PostgresAlertRepository(connection, self._queries),
                deliveries=PostgresDeliveryRepository(connection, self._queries),
                outbox=PostgresOutbox(connection, self._clock, self._new_id),
                inbox=PostgresInbox(connection),
            )

    async def claim(self, wanted: int, share: int, at: datetime, lease: timedelta) -> Sequence[Lease]:
        """Lease at most `wanted` due deliveries of all organizations, at most `share` of each."""
        async with self._database.transaction(Scope()) as connection:
            rows = self._queries.claim_deliveries(connection, wanted=wanted, share=share, at=at, lease=lease)
            return [Lease(row["delivery_id"], row["organization_id"], row["lease_id"]) async for row in rows]


def _place(page: PageRequest) -> dict[str, Any]:
    return {
        "after_at": page.after.at if page.after else None,
        "after_id": page.after.id if page.after else None,
        "limit": page.limit + 1,
    }


def _machine(row: asyncpg.Record | None) -> MachineRef | None:
    return None if row is None else MachineRef(**{name: row[name] for name in MACHINE_COLUMNS})


def _rule_row(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "organization_id": rule.organization_id,
        "machine_id": rule.machine_id,
        "name": rule.name,
        "condition": rule.document,
        "actions": rule.actions.stored(),
        "severity": rule.severity.label,
        "is_active": rule.is_active,
        "created_by": rule.created_by,
        "created_at": rule.created_at,
        "updated_at": rule.updated_at,
        "deleted_at": rule.deleted_at,
        "version": rule.version,
    }


def _rule(row: asyncpg.Record | None) -> Rule | None:
    if row is None:
        return None
    return Rule(
        id=row["id"],
        organization_id=row["organization_id"],
        machine_id=row["machine_id"],
        name=row["name"],
        document=row["condition"],
        condition=read_condition(row["condition"]),
        actions=Actions.load(row["actions"]),
        severity=Severity.parse(row["severity"]),
        is_active=row["is_active"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted_at=row["deleted_at"],
        version=row["version"],
    )


def _alert_row(alert: Alert) -> dict[str, Any]:
    row = {name: getattr(alert, name) for name in ALERT_FIELDS}
    data = {name: row.pop(name) for name in ALERT_DATA}
    return row | {"severity": alert.severity.label, "data": data}


def _alert(row: asyncpg.Record | None) -> Alert | None:
    if row is None:
        return None
    data: Mapping[str, Any] = row["data"]
    values = {name: data[name] if name in ALERT_DATA else row[name] for name in ALERT_FIELDS}
    return Alert(
        **values
        | {
            "status": AlertStatus(row["status"]),
            "severity": Severity.parse(row["severity"]),
            "first_seen_at": datetime.fromisoformat(data["first_seen_at"]),
            "last_seen_at": datetime.fromisoformat(data["last_seen_at"]),
            "worst_anomaly_id": _uuid(data["worst_anomaly_id"]),
            "analysis_id": _uuid(data["analysis_id"]),
            "features": tuple(data["features"]),
        }
    )


def _uuid(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(
        **{name: row[name] for name in DELIVERY_COLUMNS}
        | {"change": Change(row["change"]), "status": DeliveryStatus(row["status"])}
    )
