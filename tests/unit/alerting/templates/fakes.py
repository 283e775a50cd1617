"""Rule templates in memory."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from uuid import UUID

from services.alerting.rules.domain import Rule
from services.alerting.templates.domain import DELETED, RuleTemplate, TemplateCounts
from shared.access import Scope
from shared.http.pages import Cursor, PageRequest, Slice


class FakeTemplates:
    def __init__(self, templates: dict[UUID, RuleTemplate], rules: Mapping[UUID, Rule], scope: Scope) -> None:
        self._templates = templates
        self._rules = rules
        self._scope = scope

    async def add(self, template: RuleTemplate) -> None:
        self._templates[template.id] = template

    async def get(self, template_id: UUID) -> RuleTemplate | None:
        found = await self.lock(template_id)
        return found if found is not None and found.deleted_at is None else None

    async def lock(self, template_id: UUID) -> RuleTemplate | None:
        found = self._templates.get(template_id)
        return found if found is not None and found.organization_id == self._scope.organization_id else None

    async def await_machines(self) -> None:
        pass

    async def lock_all(self) -> Sequence[RuleTemplate]:
        return [
            t
            for t in self._templates.values()
            if t.organization_id == self._scope.organization_id and t.deleted_at is None
        ]

    async def list(self, page: PageRequest) -> Slice[RuleTemplate]:
        newest = sorted(await self.lock_all(), key=lambda each: (each.created_at, each.id), reverse=True)
        return Slice.cut(newest, page.limit, lambda each: Cursor(each.created_at, each.id))

    async def update(self, template: RuleTemplate) -> None:
        self._templates[template.id] = template

    async def reached(self, template_id: UUID, sync_after: UUID | None) -> None:
        template = self._templates[template_id]
        self._templates[template_id] = replace(template, sync_after=sync_after)

    async def counts(self, template_id: UUID) -> TemplateCounts:
        rules = [rule for rule in self._rules.values() if rule.template_id == template_id]
        present = [rule for rule in rules if rule.deleted_at is None]
        exempt = [rule for rule in rules if rule.deleted_at is not None and DELETED in rule.overrides]
        return TemplateCounts(len(present), sum(bool(rule.overrides) for rule in present), len(exempt))
