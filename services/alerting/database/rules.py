"""Rules in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import asyncpg

from services.alerting.database.paging import page_parameters
from services.alerting.database.unit import WatchingRule
from services.alerting.rules.domain import Actions, Rule, RuleFilter
from services.alerting.rules.signals import Severity
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection


class PostgresRuleRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, rule: Rule) -> None:
        await self._queries.insert_rule(self._connection, **_rule_row(rule))

    async def get(self, rule_id: UUID) -> Rule | None:
        return _rule(await self._queries.get_rule(self._connection, id=rule_id))

    async def lock(self, rule_id: UUID, *, deleted: bool = False) -> Rule | None:
        return _rule(await self._queries.lock_rule(self._connection, id=rule_id, deleted=deleted))

    async def lock_of_template(self, template_id: UUID, machine_id: UUID) -> Rule | None:
        return _rule(
            await self._queries.lock_rule_of_template(
                self._connection, template_id=template_id, machine_id=machine_id
            )
        )

    async def list(self, wanted: RuleFilter, page: PageRequest) -> Slice[Rule]:
        rows = self._queries.list_rules(self._connection, **asdict(wanted), **page_parameters(page))
        rules = [rule async for row in rows if (rule := _rule(row))]
        return Slice.cut(rules, page.limit, lambda rule: Cursor(rule.created_at, rule.id))

    async def count(self, machine_id: UUID) -> int:
        return int(await self._queries.count_rules_of_machine(self._connection, machine_id=machine_id))

    async def watching(self, machine_id: UUID) -> Sequence[WatchingRule]:
        rows = self._queries.rules_watching(self._connection, machine_id=machine_id)
        return [WatchingRule(rule, row["machine_name"]) async for row in rows if (rule := _rule(row))]

    async def lock_all(self, rule_ids: Sequence[UUID]) -> Sequence[Rule]:
        rows = self._queries.lock_rules(self._connection, ids=list(rule_ids))
        return [rule async for row in rows if (rule := _rule(row))]

    async def lock_of_alerts(self, alert_ids: Sequence[UUID]) -> None:
        await self._queries.lock_rules_of_alerts(self._connection, alert_ids=alert_ids)

    async def update(self, rule: Rule) -> None:
        row = _rule_row(rule)
        for fixed in ("organization_id", "machine_id", "created_by", "created_at", "template_id"):
            del row[fixed]
        await self._queries.update_rule(self._connection, **row)

    async def are_addresses_sealed(self) -> bool:
        return bool(await self._queries.are_addresses_sealed(self._connection))

    async def delete_of_machine(self, machine_id: UUID) -> None:
        # In this order: opening an alert locks its rule, so all alerts are visible once the rules are locked.
        await self._queries.lock_rules_of_machine(self._connection, machine_id=machine_id)
        await self._queries.delete_alerts_of_machine(self._connection, machine_id=machine_id)
        await self._queries.delete_rules_of_machine(self._connection, machine_id=machine_id)


def _rule_row(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule.id,
        "organization_id": rule.organization_id,
        "machine_id": rule.machine_id,
        "name": rule.name,
        "condition": rule.condition,
        "actions": rule.actions.stored(),
        "severity": rule.severity.label,
        "is_active": rule.is_active,
        "created_by": rule.created_by,
        "created_at": rule.created_at,
        "updated_at": rule.updated_at,
        "deleted_at": rule.deleted_at,
        "version": rule.version,
        "template_id": rule.template_id,
        "template_version": rule.template_version,
        "overrides": rule.overrides,
    }


def _rule(row: asyncpg.Record | None) -> Rule | None:
    if row is None:
        return None
    return Rule(
        id=row["id"],
        organization_id=row["organization_id"],
        machine_id=row["machine_id"],
        name=row["name"],
        condition=row["condition"],
        actions=Actions.load(row["actions"]),
        severity=Severity.parse(row["severity"]),
        is_active=row["is_active"],
        created_by=row["created_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        deleted_at=row["deleted_at"],
        version=row["version"],
        template_id=row["template_id"],
        template_version=row["template_version"],
        overrides=tuple(row["overrides"]),
    )
