"""Use cases of alert rules. Callers open the transaction and commit it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from services.alerting.alerts.domain import Resolution
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.contact_points.references import check_recipients, silent_contacts
from services.alerting.database.unit import Unit
from services.alerting.errors import InvalidRule, MachineNotFound, RuleNotFound, TooManyRules
from services.alerting.replicas.service import ReplicaService
from services.alerting.rules.domain import Actions, Rule, RuleFilter
from services.alerting.rules.sealing import WebhookSealer
from services.alerting.rules.signals import Severity
from services.alerting.rules.warnings import SilentContacts
from services.alerting.templates.domain import DELETED, FIELDS, START
from services.alerting.timer.kinds import JUDGEMENT, TEMPLATE_SYNC
from shared.access import Caller, Permission
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.errors import FieldError
from shared.http.pages import PageRequest, Slice

# The fields that a template sets in its rules.
TEMPLATE_FIELDS = frozenset(FIELDS)
# All of them judge each sample. Every template adds one more.
MAX_RULES_OF_MACHINE = 1000
RULE_DELETED = Resolution("The rule was deleted.", "rule_deleted")
SWITCHED_OFF = Resolution("The rule was switched off.", "rule_switched_off")
RULE_CHANGED = Resolution(
    "The rule was changed. If the fault persists, it opens a new alert.", "rule_changed"
)


class RuleService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        sealer: WebhookSealer,
        replicas: ReplicaService,
        lifecycle: AlertLifecycle,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._sealer = sealer
        self._replicas = replicas
        self._lifecycle = lifecycle

    async def create(self, unit: Unit, caller: Caller, values: Mapping[str, Any]) -> Rule:
        """Create a rule; `values` are validated fields by name.

        Raises InvalidRule, MachineNotFound, TooManyRules.
        """
        rule_id, now = self._new_id(), self._clock.now()
        converted = await self._convert(unit, rule_id, values)
        machine = await unit.replicas.lock_machine(values["machine_id"])
        if machine is None or machine.deleted:
            raise MachineNotFound(values["machine_id"])
        if await unit.rules.count(machine.id) >= MAX_RULES_OF_MACHINE:
            raise TooManyRules(MAX_RULES_OF_MACHINE)
        await self._replicas.ensure_member(unit, caller)
        rule = Rule(
            id=rule_id,
            organization_id=caller.organization_id,
            machine_id=machine.id,
            name=values["name"],
            is_active=values["is_active"],
            created_by=caller.user_id,
            created_at=now,
            updated_at=now,
            deleted_at=None,
            version=1,
            **converted,
        )
        await unit.rules.add(rule)
        await unit.timers.schedule(JUDGEMENT, rule.machine_id, now)
        await self._auditor.wrote(
            unit.outbox, caller, "alert_rule.created", "alert_rule", rule.id, after=_audited(rule)
        )
        return rule

    async def get(self, unit: Unit, rule_id: UUID) -> Rule:
        rule = await unit.rules.get(rule_id)
        if rule is None:
            raise RuleNotFound(rule_id)
        return rule

    async def list(self, unit: Unit, wanted: RuleFilter, page: PageRequest) -> Slice[Rule]:
        return await unit.rules.list(wanted, page)

    async def machine_statuses(self, unit: Unit, rules: Sequence[Rule]) -> Mapping[UUID, str]:
        """The statuses of the machines that the rules watch: only active ones are judged."""
        return await unit.replicas.statuses([rule.machine_id for rule in rules])

    async def silent_contacts(self, unit: Unit, rules: Sequence[Rule]) -> SilentContacts:
        """The contact points among the rules' recipients to which nothing is sent."""
        return await silent_contacts(unit, rules, self._clock.now())

    async def change(self, unit: Unit, caller: Caller, rule_id: UUID, changes: Mapping[str, Any]) -> Rule:
        """Change the given fields only; a rule of a template overrides them from then on.

        Fields that are no override any longer follow the template again. Raises InvalidRule, RuleNotFound.
        """
        if "overrides" in changes:
            await self._restart_template(unit, rule_id, changes["overrides"])
        before = await unit.rules.lock(rule_id)
        if before is None:
            raise RuleNotFound(rule_id)
        if not changes:
            return before
        converted = await self._convert(unit, rule_id, changes, before.actions)
        rule = before.changed({**changes, **converted, "overrides": ()}, self._clock.now())
        if before.template_id is not None:
            overrides = {*changes.get("overrides", before.overrides), *(changes.keys() & TEMPLATE_FIELDS)}
            rule = replace(rule, overrides=tuple(sorted(overrides)))
            if not overrides.issuperset(before.overrides):
                rule = replace(rule, template_version=None)
        await unit.rules.update(rule)
        if "actions" in changes:
            await unit.ledger.forget_targets(targets_of(rule.id))
        await unit.timers.schedule(JUDGEMENT, rule.machine_id, rule.updated_at)
        if (ended := ended_by(before, rule)) is not None:
            await self._close(unit, caller, rule, ended)
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "alert_rule.updated",
            "alert_rule",
            rule.id,
            before={name: value for name, value in _audited(before).items() if name in changes},
            after={name: value for name, value in _audited(rule).items() if name in changes},
        )
        return rule

    def shown_actions(self, caller: Caller, rule: Rule) -> dict[str, Any]:
        """The actions as `caller` may see them: addresses whole for administrators, hosts for others."""
        if not caller.may(Permission.WEBHOOK_ADDRESSES_READ):
            return rule.actions.public()
        # Asked for once more, so that an answer kept for its Idempotency-Key needs the right, too.
        caller.require(Permission.WEBHOOK_ADDRESSES_READ)
        return rule.actions.public(partial(self._sealer.shown, rule.id))

    async def seal_addresses(self, unit: Unit, rule_id: UUID) -> None:
        """Seal addresses that an older version stored in plain text."""
        rule = await unit.rules.lock(rule_id, deleted=True)
        if rule is not None:
            await unit.rules.update(replace(rule, actions=self._sealer.sealed(rule_id, rule.actions)))

    async def remove(self, unit: Unit, caller: Caller, rule_id: UUID) -> None:
        """Delete the rule and resolve its open alert; its alerts are kept as history. Raises RuleNotFound."""
        rule = await unit.rules.lock(rule_id)
        if rule is None:
            raise RuleNotFound(rule_id)
        now = self._clock.now()
        await self._close(unit, caller, rule, RULE_DELETED)
        # The machine of a rule of a template gets no new one.
        overrides = (*rule.overrides, DELETED) if rule.template_id else ()
        gone = {"is_active": False, "deleted_at": now, "overrides": overrides}
        await unit.rules.update(rule.changed(gone, now))
        await self._auditor.wrote(
            unit.outbox, caller, "alert_rule.deleted", "alert_rule", rule_id, before={"name": rule.name}
        )

    async def _restart_template(self, unit: Unit, rule_id: UUID, overrides: Sequence[str]) -> None:
        """Lock the template, before the rule, and have its rules brought in step."""
        rule = await unit.rules.get(rule_id)
        if rule is None:
            raise RuleNotFound(rule_id)
        if rule.template_id is None:
            if not overrides:
                return
            raise InvalidRule([FieldError("/body/overrides", "must be empty: the rule has no template")])
        await unit.templates.lock(rule.template_id)
        await unit.templates.reached(rule.template_id, START)
        await unit.timers.schedule(TEMPLATE_SYNC, rule.template_id, self._clock.now())

    async def _close(self, unit: Unit, caller: Caller, rule: Rule, how: Resolution) -> None:
        # Every transaction locks in this order: rules, alerts, members.
        if await unit.alerts.lock_open_of_rule(rule.id):
            await self._replicas.ensure_member(unit, caller)
            await self._lifecycle.close_of_rule(unit, rule, how, by=caller.user_id)

    async def _convert(
        self, unit: Unit, rule_id: UUID, values: Mapping[str, Any], actions: Actions | None = None
    ) -> dict[str, Any]:
        """Convert the fields that are not stored as sent. Raises InvalidRule."""
        converted: dict[str, Any] = {}
        if "severity" in values:
            converted["severity"] = Severity.parse(values["severity"])
        if "condition" in values:
            converted["condition"] = values["condition"].as_sent
        if "actions" in values:
            made = values["actions"].sealed(partial(self._sealer.secret, rule_id), actions)
            await check_recipients(unit, made, self._clock.now())
            # An older version that still runs would send messages to the bare host.
            sealing = await unit.rules.are_addresses_sealed()
            converted["actions"] = self._sealer.sealed(rule_id, made) if sealing else made
        return converted


def targets_of(rule_id: UUID) -> str:
    """Where the ledger keeps what failed at a rule's webhooks, which says nothing about new addresses."""
    return f"rule:{rule_id}/"


def ended_by(before: Rule, after: Rule) -> Resolution | None:
    """Why the open alert of a changed rule is over, if it is: it was judged by what applies no longer."""
    if before.is_active and not after.is_active:
        return SWITCHED_OFF
    if (before.condition, before.severity) != (after.condition, after.severity):
        return RULE_CHANGED
    return None


def _audited(rule: Rule) -> dict[str, Any]:
    return {
        "machine_id": rule.machine_id,
        "name": rule.name,
        "condition": rule.condition,
        "actions": rule.actions.public(),
        "severity": rule.severity.label,
        "is_active": rule.is_active,
    }
