"""What one can do with alert rules. The caller of each method opened the transaction and commits it."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from services.alerting.alerts.domain import Change
from services.alerting.alerts.telling import Teller
from services.alerting.database.unit import Unit
from services.alerting.errors import InvalidRule, MachineNotFound, RuleNotFound
from services.alerting.replicas.service import ReferenceService
from services.alerting.rules.actions import Actions, read_actions
from services.alerting.rules.condition_reader import read_condition
from services.alerting.rules.conditions import Severity
from services.alerting.rules.domain import Rule, RuleFilter
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.crypto import Encryptor
from shared.http.pages import PageRequest, Slice

RULE_DELETED_NOTE = "The rule was deleted."


def secret_purpose(rule_id: UUID, webhook: str) -> str:
    """Binds a sealed secret to its place: copied to another rule it opens nothing."""
    return f"alert_rules.actions/{rule_id}/{webhook}"


class RuleService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        encryptor: Encryptor,
        references: ReferenceService,
        teller: Teller,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._encryptor = encryptor
        self._references = references
        self._teller = teller

    async def create(self, unit: Unit, caller: Caller, values: Mapping[str, Any]) -> Rule:
        """Add a rule; `values` are validated fields by name, condition and actions as sent.

        Raises InvalidRule with every problem of both documents, MachineNotFound.
        """
        rule_id, now = self._new_id(), self._clock.now()
        read = self._read(rule_id, values)
        machine = await unit.references.hold_machine(values["machine_id"])
        if machine is None or machine.deleted:
            raise MachineNotFound(values["machine_id"])
        await self._references.know_caller(unit, caller)
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
            **read,
        )
        await unit.rules.add(rule)
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

    async def change(self, unit: Unit, caller: Caller, rule_id: UUID, changes: Mapping[str, Any]) -> Rule:
        """Change the named fields only."""
        before = await unit.rules.lock(rule_id)
        if before is None:
            raise RuleNotFound(rule_id)
        if not changes:
            return before
        rule = before.changed({**changes, **self._read(rule_id, changes, before.actions)}, self._clock.now())
        await unit.rules.update(rule)
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

    async def remove(self, unit: Unit, caller: Caller, rule_id: UUID) -> None:
        """Delete the rule and resolve its open alert. Its alerts stay, as history."""
        rule = await unit.rules.lock(rule_id)
        if rule is None:
            raise RuleNotFound(rule_id)
        now = self._clock.now()
        # Rule, alerts, member: the order in which everybody locks them.
        open_alerts = await unit.alerts.lock_open_of_rule(rule_id)
        await self._references.know_caller(unit, caller)
        for alert in open_alerts:
            alert = alert.resolved(caller.user_id, RULE_DELETED_NOTE, now)
            await unit.alerts.update(alert)
            await self._teller.tell(
                unit, rule, alert, Change.RESOLVED, by=caller.user_id, note=RULE_DELETED_NOTE
            )
        await unit.rules.update(rule.changed({"is_active": False, "deleted_at": now}, now))
        await self._auditor.wrote(
            unit.outbox, caller, "alert_rule.deleted", "alert_rule", rule_id, before={"name": rule.name}
        )

    def _read(
        self, rule_id: UUID, values: Mapping[str, Any], actions: Actions | None = None
    ) -> dict[str, Any]:
        """Give what is not kept as sent. Raises InvalidRule with the problems of both documents."""
        read: dict[str, Any] = {}
        if "severity" in values:
            read["severity"] = Severity.parse(values["severity"])
        errors: list[InvalidRule] = []
        if "condition" in values:
            try:
                read |= {"condition": read_condition(values["condition"]), "document": values["condition"]}
            except InvalidRule as error:
                errors.append(error)
        if "actions" in values:
            try:
                read["actions"] = read_actions(values["actions"], self._seal(rule_id), before=actions)
            except InvalidRule as error:
                errors.append(error)
        if errors:
            raise InvalidRule([field for error in errors for field in error.errors])
        return read

    def _seal(self, rule_id: UUID) -> Any:
        def seal(webhook: str, secret: str) -> str:
            return self._encryptor.encrypt(secret, purpose=secret_purpose(rule_id, webhook))

        return seal


def _audited(rule: Rule) -> dict[str, Any]:
    return {
        "machine_id": rule.machine_id,
        "name": rule.name,
        "condition": rule.document,
        "actions": rule.actions.public(),
        "severity": rule.severity.label,
        "is_active": rule.is_active,
    }
