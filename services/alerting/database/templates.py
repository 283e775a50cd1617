"""Rule templates in PostgreSQL."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any
from uuid import UUID

import asyncpg

from services.alerting.database.paging import page_parameters
from services.alerting.rules.domain import Actions
from services.alerting.rules.signals import Severity
from services.alerting.templates.domain import RuleTemplate, Selector, TemplateCounts
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection


class PostgresTemplateRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add(self, template: RuleTemplate) -> None:
        await self._queries.insert_template(self._connection, **_template_row(template))

    async def get(self, template_id: UUID) -> RuleTemplate | None:
        return _template(await self._queries.get_template(self._connection, id=template_id))

    async def lock(self, template_id: UUID) -> RuleTemplate | None:
        return _template(await self._queries.lock_template(self._connection, id=template_id))

    async def await_machines(self) -> None:
        await self._queries.await_machines_of_templates(self._connection)

    async def lock_all(self) -> Sequence[RuleTemplate]:
        await self._queries.enter_machine_of_templates(self._connection)
        rows = self._queries.lock_templates(self._connection)
        return [template async for row in rows if (template := _template(row))]

    async def list(self, page: PageRequest) -> Slice[RuleTemplate]:
        rows = self._queries.list_templates(self._connection, **page_parameters(page))
        templates = [template async for row in rows if (template := _template(row))]
        return Slice.cut(templates, page.limit, lambda template: Cursor(template.created_at, template.id))

    async def update(self, template: RuleTemplate) -> None:
        row = _template_row(template)
        for fixed in ("organization_id", "created_by", "created_at"):
            del row[fixed]
        await self._queries.update_template(self._connection, **row)

    async def reached(self, template_id: UUID, sync_after: UUID | None) -> None:
        await self._queries.reach_in_template(self._connection, id=template_id, sync_after=sync_after)

    async def counts(self, template_id: UUID) -> TemplateCounts:
        row = await self._queries.count_rules_of_template(self._connection, id=template_id)
        return TemplateCounts(row["rules"], row["overridden"], row["exempt"])


def _template_row(template: RuleTemplate) -> dict[str, Any]:
    return {
        "id": template.id,
        "organization_id": template.organization_id,
        "name": template.name,
        "selector": asdict(template.selector),
        "condition": template.condition,
        "actions": template.actions.stored(),
        "severity": template.severity.label,
        "is_active": template.is_active,
        "created_by": template.created_by,
        "created_at": template.created_at,
        "updated_at": template.updated_at,
        "deleted_at": template.deleted_at,
        "sync_after": template.sync_after,
        "version": template.version,
    }


def _template(row: asyncpg.Record | None) -> RuleTemplate | None:
    if row is None:
        return None
    chosen = {name: tuple(values) for name, values in row["selector"].items()}
    return RuleTemplate(
        **dict(row)
        | {
            "selector": Selector(**chosen),
            "actions": Actions.load(row["actions"]),
            "severity": Severity.parse(row["severity"]),
        }
    )
