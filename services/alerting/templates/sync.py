"""Keeps one rule per selected machine in step with its template. Callers commit.

A template that changed goes over all machines in a timer, a batch per transaction; a machine that changed
gets its rules in the transaction of its event. The order of locks is: templates, rules, alerts.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from services.alerting.alerts.domain import Resolution
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.database.unit import Unit
from services.alerting.replicas.domain import MachineRef
from services.alerting.rules.domain import Rule
from services.alerting.rules.sealing import WebhookSealer
from services.alerting.rules.service import ended_by, targets_of
from services.alerting.templates.domain import DELETED, FIELDS, RuleTemplate
from services.alerting.timer.kinds import JUDGEMENT, TEMPLATE_SYNC
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator

BATCH_MACHINES = 50
NOT_SELECTED = Resolution("The rule template no longer covers the machine.", "template_changed")


class TemplateSync:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        sealer: WebhookSealer,
        lifecycle: AlertLifecycle,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._sealer = sealer
        self._lifecycle = lifecycle

    async def continue_pass(self, unit: Unit, template_id: UUID) -> None:
        """Bring the rules of the next machines in step: the handler of the template's timer."""
        # Before the template: a machine whose transaction has not seen it yet would get no rule of it.
        await unit.templates.await_machines()
        template = await unit.templates.lock(template_id)
        if template is None or template.sync_after is None:
            return
        machines = await unit.replicas.machines_after(template.sync_after, BATCH_MACHINES)
        for machine in machines:
            await self._sync(unit, template, machine)
        over = len(machines) < BATCH_MACHINES
        await unit.templates.reached(template.id, None if over else machines[-1].id)
        if not over:
            await unit.timers.schedule(TEMPLATE_SYNC, template.id, self._clock.now())

    async def machine_changed(self, unit: Unit, machine: MachineRef) -> None:
        """Bring the rules of a machine in step, which may be new or be selected by other templates now."""
        for template in await unit.templates.lock_all():
            await self._sync(unit, template, machine)

    async def _sync(self, unit: Unit, template: RuleTemplate, machine: MachineRef) -> None:
        rule, now = await unit.rules.lock_of_template(template.id, machine.id), self._clock.now()
        if not template.selects(machine):
            if rule is not None and rule.deleted_at is None:
                await self._lifecycle.close_of_rule(unit, rule, NOT_SELECTED)
                await unit.rules.update(rule.changed({"is_active": False, "deleted_at": now}, now))
                await self._audit(unit, rule, "alert_rule.deleted")
        elif rule is None:
            rule = await self._new(unit, template, machine, now)
            await unit.rules.add(rule)
            await unit.timers.schedule(JUDGEMENT, machine.id, now)
            await self._audit(unit, rule, "alert_rule.created")
        elif DELETED not in rule.overrides and (
            rule.deleted_at is not None or rule.template_version != template.version
        ):
            await self._replace(unit, rule, await self._in_step(unit, template, rule, now))

    async def _new(self, unit: Unit, template: RuleTemplate, machine: MachineRef, now: datetime) -> Rule:
        rule_id = self._new_id()
        return Rule(
            id=rule_id,
            organization_id=template.organization_id,
            machine_id=machine.id,
            created_by=template.created_by,
            created_at=now,
            updated_at=now,
            deleted_at=None,
            version=1,
            template_id=template.id,
            template_version=template.version,
            **await self._fields(unit, template, rule_id),
        )

    async def _in_step(self, unit: Unit, template: RuleTemplate, rule: Rule, now: datetime) -> Rule:
        fields = await self._fields(unit, template, rule.id)
        changes = {name: value for name, value in fields.items() if name not in rule.overrides}
        return rule.changed({**changes, "deleted_at": None, "template_version": template.version}, now)

    async def _fields(self, unit: Unit, template: RuleTemplate, rule_id: UUID) -> dict[str, Any]:
        fields = {name: getattr(template, name) for name in FIELDS}
        # Secrets are sealed for their place, so a copied one could not be opened.
        opened = self._sealer.moved(template.id, rule_id, template.actions)
        sealing = await unit.rules.are_addresses_sealed()
        return fields | {"actions": self._sealer.sealed(rule_id, opened) if sealing else opened}

    async def _replace(self, unit: Unit, before: Rule, after: Rule) -> None:
        if before.deleted_at is None and (how := ended_by(before, after)) is not None:
            await self._lifecycle.close_of_rule(unit, after, how)
        await unit.rules.update(after)
        if "actions" not in after.overrides:
            # Sealed anew, an address does not tell whether it is another one.
            await unit.ledger.forget_targets(targets_of(after.id))
        await unit.timers.schedule(JUDGEMENT, after.machine_id, after.updated_at)
        await self._audit(unit, after, "alert_rule.updated")

    async def _audit(self, unit: Unit, rule: Rule, action: str) -> None:
        """The service did it, because somebody changed the template or the machine."""
        await self._auditor.record(
            unit.outbox,
            action,
            user_id=None,
            organization_id=rule.organization_id,
            resource_type="alert_rule",
            resource_id=rule.id,
            changes={"template_id": rule.template_id, "template_version": rule.template_version},
        )
