"""Rule templates and the rules that they keep in step, on fakes."""

from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.domain import AlertStatus
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.deliveries.domain import TargetState
from services.alerting.deliveries.notifier import Notifier
from services.alerting.errors import InvalidRule
from services.alerting.replicas.domain import MachineRef
from services.alerting.replicas.service import ReplicaService
from services.alerting.rules.domain import Rule
from services.alerting.rules.schemas import AlertRuleUpdate
from services.alerting.rules.sealing import WebhookSealer
from services.alerting.rules.service import RuleService
from services.alerting.rules.signals import Severity
from services.alerting.templates.domain import RuleTemplate, Selector
from services.alerting.templates.schemas import RuleTemplateCreate, RuleTemplateUpdate
from services.alerting.templates.service import TemplateService
from services.alerting.templates.sync import BATCH_MACHINES, TemplateSync
from services.alerting.timer.kinds import TEMPLATE_SYNC
from services.alerting.timer.runner import timer_worker
from shared.access import Caller, Role
from shared.audit import Auditor
from shared.crypto import Encryptor
from tests.support.fakes import FakeClock
from tests.unit.alerting.database.repository_suite import NOW, World, make_alert, make_machine
from tests.unit.alerting.examples import SECRET, actions, condition, leaf
from tests.unit.alerting.fakes import FakeUnits

KEYS = "test:" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


class Plant:
    """An organization with machines, in the hands of an administrator."""

    def __init__(self) -> None:
        self.clock = FakeClock(NOW)
        self.units = FakeUnits(self.clock)
        self.world = World(self.units)
        self.sealer, auditor = WebhookSealer(Encryptor(KEYS)), Auditor(self.clock)
        lifecycle = AlertLifecycle(self.clock, uuid4, Announcer(Notifier(self.clock, uuid4)))
        replicas = ReplicaService()
        self.sync = TemplateSync(self.clock, uuid4, auditor, self.sealer, lifecycle)
        self.templates = TemplateService(self.clock, uuid4, auditor, self.sealer, replicas)
        self.rules = RuleService(self.clock, uuid4, auditor, self.sealer, replicas, lifecycle)
        self.timers = timer_worker(self.units.queue, self.units, {TEMPLATE_SYNC: self.sync.continue_pass})
        organization_id = self.world.organization_id
        self.caller = Caller(uuid4(), "a@example.org", "A", organization_id, Role.ADMIN, "token")

    async def machine(self, *tags: str, **fields: Any) -> MachineRef:
        machine = make_machine(self.world.organization_id, tags=tags, **fields)
        await self.change_machine(machine)
        return machine

    async def change_machine(self, machine: MachineRef) -> None:
        """Do what the consumer does with machine.changed."""
        async with self.units(self.world.scope) as unit:
            await unit.replicas.merge_machine(machine)
            await self.sync.machine_changed(unit, machine)

    async def template(self, **fields: Any) -> RuleTemplate:
        body: dict[str, Any] = {
            "name": "Pumps",
            "selector": {"tags": ["pump"]},
            "condition": condition(),
            "actions": actions(),
            "severity": "medium",
        }
        values = dict(RuleTemplateCreate.model_validate(body | fields))
        async with self.units(self.world.scope) as unit:
            template = await self.templates.create(unit, self.caller, values)
        await self.catch_up()
        return template

    async def change(self, template: RuleTemplate, **changes: Any) -> None:
        body = RuleTemplateUpdate.model_validate(changes)
        values = {name: value for name, value in body if name in body.model_fields_set}
        async with self.units(self.world.scope) as unit:
            await self.templates.change(unit, self.caller, template.id, values)
        await self.catch_up()

    async def change_rule(self, rule: Rule, **changes: Any) -> None:
        body = AlertRuleUpdate.model_validate(changes)
        values = {name: value for name, value in body if name in body.model_fields_set}
        async with self.units(self.world.scope) as unit:
            await self.rules.change(unit, self.caller, rule.id, values)
        await self.catch_up()

    async def catch_up(self) -> None:
        for _ in range(100):
            if not await self.timers.run_due():
                return
        raise AssertionError("the pass does not end")

    def rules_of(self, template: RuleTemplate) -> dict[UUID, Rule]:
        """The rules of the template that exist, by machine."""
        rules = self.units.memory.rules.values()
        return {r.machine_id: r for r in rules if r.template_id == template.id and r.deleted_at is None}


@pytest.fixture
def plant() -> Plant:
    return Plant()


@pytest.mark.parametrize(
    ("selector", "selected"),
    [
        (Selector(), True),
        (Selector(tags=("fan", "pump")), True),
        (Selector(tags=("fan",)), False),
        (Selector(locations=("Hall 3",)), True),
        (Selector(locations=("Hall 4", "hall")), False),
        (Selector(models=("P-75",)), True),
        (Selector(models=("P",)), False),
        (Selector(tags=("pump",), locations=("Hall 3",), models=("P-75",)), True),
        (Selector(tags=("pump",), models=("P-80",)), False),
    ],
)
def test_machines_are_selected_by_tag_location_and_model(selector: Selector, selected: bool) -> None:
    machine = make_machine(uuid4(), tags=("pump", "old"), location="Hall 3, line 1", model="P-75")
    assert selector.selects(machine) is selected
    assert Selector(locations=("H",)).selects(make_machine(uuid4())) is False


async def test_machines_get_their_rule_also_those_that_come_later(plant: Plant) -> None:
    before = [await plant.machine("pump") for _ in range(BATCH_MACHINES + 1)]
    fan = await plant.machine("fan")
    template = await plant.template()
    assert plant.rules_of(template).keys() == {machine.id for machine in before}
    later = await plant.machine("pump")
    rules = plant.rules_of(template)
    assert later.id in rules
    assert (rules[later.id].name, rules[later.id].severity) == ("Pumps", Severity.MEDIUM)
    await plant.change_machine(replace(fan, tags=("fan", "pump"), version=2))
    assert fan.id in plant.rules_of(template)
    assert plant.units.memory.templates[template.id].sync_after is None


async def test_secrets_are_sealed_for_each_rule(plant: Plant) -> None:
    machine = await plant.machine("pump")
    template = await plant.template()
    rule = plant.rules_of(template)[machine.id]
    webhook = rule.actions.webhooks["cmms"]
    assert webhook.sealed_secret != template.actions.webhooks["cmms"].sealed_secret
    assert plant.sealer.opened_secret(rule.id, "cmms", webhook) == SECRET
    assert plant.sealer.address(rule.id, "cmms", webhook) == "https://example.org/hook"
    assert webhook.url == "https://example.org", "the whole address is sealed"


async def test_rules_follow_their_template_except_where_they_override_it(plant: Plant) -> None:
    one, two = await plant.machine("pump"), await plant.machine("pump")
    template = await plant.template()
    await plant.change_rule(plant.rules_of(template)[one.id], severity="critical", name="Pump 1")
    assert plant.rules_of(template)[one.id].overrides == ("name", "severity")
    await plant.change(template, severity="low", condition=condition(leaf(9)))
    rules = plant.rules_of(template)
    assert (rules[one.id].severity, rules[one.id].name) == (Severity.CRITICAL, "Pump 1")
    assert rules[one.id].condition == rules[two.id].condition == condition(leaf(9))
    assert rules[two.id].severity is Severity.LOW

    await plant.change_rule(rules[one.id], overrides=["name"])
    rule = plant.rules_of(template)[one.id]
    assert (rule.severity, rule.name, rule.overrides) == (Severity.LOW, "Pump 1", ("name",))


async def test_a_corrected_address_is_tried_whatever_was_known_of_the_old_one(plant: Plant) -> None:
    machine = await plant.machine("pump")
    template = await plant.template()
    rule = plant.rules_of(template)[machine.id]
    key = f"rule:{rule.id}/cmms"
    gone = TargetState(plant.world.organization_id, key, disabled_reason="410 Gone")
    plant.units.memory.targets[key] = gone
    await plant.change(template, actions=actions(url="https://example.org/new"))
    assert plant.units.memory.targets == {}


async def test_a_deleted_rule_of_a_template_stays_deleted(plant: Plant) -> None:
    machine = await plant.machine("pump")
    template = await plant.template()
    async with plant.units(plant.world.scope) as unit:
        await plant.rules.remove(unit, plant.caller, plant.rules_of(template)[machine.id].id)
    await plant.change(template, name="New")
    await plant.change_machine(replace(machine, version=2))
    assert plant.rules_of(template) == {}
    async with plant.units(plant.world.scope) as unit:
        _, counts = await plant.templates.get(unit, template.id)
    assert (counts.rules, counts.exempt) == (0, 1)


async def test_a_rule_goes_and_comes_back_with_the_selection_and_its_alert_resolves(plant: Plant) -> None:
    machine = await plant.machine("pump")
    template = await plant.template()
    rule = plant.rules_of(template)[machine.id]
    alert = make_alert(rule)
    plant.units.memory.alerts[alert.id] = alert
    await plant.change_machine(replace(machine, tags=(), version=2))
    assert plant.rules_of(template) == {}
    resolved = plant.units.memory.alerts[alert.id]
    assert (resolved.status, resolved.resolve_code) == (AlertStatus.RESOLVED, "template_changed")
    assert plant.units.outbox.events, "the end of the alert is published"
    await plant.change_machine(replace(machine, version=3))
    again = plant.rules_of(template)[machine.id]
    assert (again.id, again.is_active) == (rule.id, True)


async def test_a_template_takes_its_rules_with_it(plant: Plant) -> None:
    await plant.machine("pump")
    template = await plant.template()
    async with plant.units(plant.world.scope) as unit:
        await plant.templates.remove(unit, plant.caller, template.id)
    await plant.catch_up()
    assert plant.rules_of(template) == {}
    late = await plant.machine("pump")
    assert late.id not in plant.rules_of(template)


async def test_only_a_rule_of_a_template_has_overrides(plant: Plant) -> None:
    await plant.world.store()
    with pytest.raises(InvalidRule):
        await plant.change_rule(plant.world.rule, overrides=["name"])


async def test_a_template_names_recipients_that_exist(plant: Plant) -> None:
    steps = [{"after": "PT0S", "to": ["contact:nobody"]}]
    with pytest.raises(InvalidRule) as refused:
        await plant.template(actions={"version": 1, "steps": steps})
    assert [error.pointer for error in refused.value.errors] == ["/body/actions/steps/0/to/0"]
