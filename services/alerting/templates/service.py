"""Use cases of rule templates. Callers open the transaction and commit it."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any
from uuid import UUID

from services.alerting.database.unit import Unit
from services.alerting.replicas.service import ReplicaService
from services.alerting.rules.domain import Actions
from services.alerting.rules.sealing import WebhookSealer
from services.alerting.rules.signals import Severity
from services.alerting.templates.domain import START, RuleTemplate, TemplateCounts
from services.alerting.templates.errors import TemplateNotFound, TooManyTemplates
from services.alerting.timer.kinds import TEMPLATE_SYNC
from shared.access import Caller, Permission
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.http.pages import PageRequest, Slice

# Every change of a machine asks each of them.
MAX_TEMPLATES = 200


class TemplateService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        sealer: WebhookSealer,
        replicas: ReplicaService,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._sealer = sealer
        self._replicas = replicas

    async def create(self, unit: Unit, caller: Caller, values: Mapping[str, Any]) -> RuleTemplate:
        """Create a template; `values` are validated fields by name. Raises InvalidRule, TooManyTemplates."""
        if len(await unit.templates.lock_all()) >= MAX_TEMPLATES:
            raise TooManyTemplates(MAX_TEMPLATES)
        template_id, now = self._new_id(), self._clock.now()
        await self._replicas.ensure_member(unit, caller)
        template = RuleTemplate(
            id=template_id,
            organization_id=caller.organization_id,
            created_by=caller.user_id,
            created_at=now,
            updated_at=now,
            deleted_at=None,
            sync_after=START,
            version=1,
            **self._converted(template_id, values),
        )
        await unit.templates.add(template)
        await self._start(unit, template)
        await self._wrote(unit, caller, "created", template, after=_audited(template))
        return template

    async def get(self, unit: Unit, template_id: UUID) -> tuple[RuleTemplate, TemplateCounts]:
        """Raises TemplateNotFound."""
        template = await unit.templates.get(template_id)
        if template is None:
            raise TemplateNotFound(template_id)
        return template, await unit.templates.counts(template_id)

    async def list(self, unit: Unit, page: PageRequest) -> Slice[RuleTemplate]:
        return await unit.templates.list(page)

    async def change(
        self, unit: Unit, caller: Caller, template_id: UUID, changes: Mapping[str, Any]
    ) -> RuleTemplate:
        """Change the given fields only. Raises InvalidRule, TemplateNotFound."""
        before = await self._lock(unit, template_id)
        if not changes:
            return before
        converted = self._converted(template_id, changes, before.actions)
        template = before.changed(converted, self._clock.now())
        await unit.templates.update(template)
        await self._start(unit, template)
        old, new = _audited(before), _audited(template)
        await self._wrote(
            unit,
            caller,
            "updated",
            template,
            before={name: old[name] for name in changes},
            after={name: new[name] for name in changes},
        )
        return template

    async def remove(self, unit: Unit, caller: Caller, template_id: UUID) -> None:
        """Delete the template, and then its rules. Raises TemplateNotFound."""
        template, now = await self._lock(unit, template_id), self._clock.now()
        template = template.changed({"is_active": False, "deleted_at": now}, now)
        await unit.templates.update(template)
        await self._start(unit, template)
        await self._wrote(unit, caller, "deleted", template, before={"name": template.name})

    def shown_actions(self, caller: Caller, template: RuleTemplate) -> dict[str, Any]:
        """The actions as `caller` may see them: addresses whole for administrators, hosts for others."""
        if not caller.may(Permission.WEBHOOK_ADDRESSES_READ):
            return template.actions.public()
        caller.require(Permission.WEBHOOK_ADDRESSES_READ)
        return template.actions.public(partial(self._sealer.shown, template.id))

    @staticmethod
    async def _lock(unit: Unit, template_id: UUID) -> RuleTemplate:
        template = await unit.templates.lock(template_id)
        if template is None or template.deleted_at is not None:
            raise TemplateNotFound(template_id)
        return template

    async def _start(self, unit: Unit, template: RuleTemplate) -> None:
        await unit.timers.schedule(TEMPLATE_SYNC, template.id, self._clock.now())

    def _converted(
        self, template_id: UUID, values: Mapping[str, Any], actions: Actions | None = None
    ) -> dict[str, Any]:
        converted = dict(values)
        if "severity" in values:
            converted["severity"] = Severity.parse(values["severity"])
        if "selector" in values:
            converted["selector"] = values["selector"].selector()
        if "condition" in values:
            converted["condition"] = values["condition"].as_sent
        if "actions" in values:
            made = values["actions"].sealed(partial(self._sealer.secret, template_id), actions)
            converted["actions"] = self._sealer.sealed(template_id, made)
        return converted

    async def _wrote(
        self, unit: Unit, caller: Caller, what: str, template: RuleTemplate, **values: Mapping[str, Any]
    ) -> None:
        await self._auditor.wrote(
            unit.outbox, caller, f"rule_template.{what}", "rule_template", template.id, **values
        )


def _audited(template: RuleTemplate) -> dict[str, Any]:
    return {
        "name": template.name,
        "selector": asdict(template.selector),
        "condition": template.condition,
        "actions": template.actions.public(),
        "severity": template.severity.label,
        "is_active": template.is_active,
    }
