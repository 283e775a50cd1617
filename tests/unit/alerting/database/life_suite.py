"""What the repositories of alerting have in common about the life of alerts, templates and budgets."""

from dataclasses import replace
from datetime import time, timedelta
from typing import Any
from uuid import UUID, uuid4

from services.alerting.alerts.changes import AlertChange
from services.alerting.alerts.domain import AlertFilter, AlertStatus, Change, Resolution
from services.alerting.performance.domain import AlertBudget
from services.alerting.rules.domain import RuleFilter
from services.alerting.rules.signals import Severity
from services.alerting.templates.domain import RuleTemplate, Selector, TemplateCounts
from shared.access import Scope
from tests.unit.alerting.database.repository_suite import (
    ACTIONS,
    FIRST_PAGE,
    NOW,
    Units,
    World,
    make_machine,
    make_rule,
)
from tests.unit.alerting.examples import condition


def make_template(world: "World", **fields: Any) -> RuleTemplate:
    template = RuleTemplate(
        id=uuid4(),
        organization_id=world.organization_id,
        name="Pumps",
        selector=Selector(tags=("pump",)),
        condition=condition(),
        actions=ACTIONS,
        severity=Severity.MEDIUM,
        is_active=True,
        created_by=world.user_id,
        created_at=NOW,
        updated_at=NOW,
        deleted_at=None,
        sync_after=None,
        version=1,
    )
    return replace(template, **fields)


class LifeSuite:
    """Subclasses provide the fixture `units`."""

    async def test_alerts_are_filtered_and_counted(self, units: Units) -> None:
        world = await World(units).store()
        person = world.user_id
        old = await world.alert(status=AlertStatus.RESOLVED, created_at=NOW - timedelta(days=2))
        mine = await world.alert(
            assigned_to=person, acknowledged_by=person, acknowledged_at=NOW, severity=Severity.HIGH
        )
        await world.alert(status=AlertStatus.PENDING, dedupe_key="pending")
        free = await world.alert(status=AlertStatus.RECOVERING, dedupe_key="free")
        wanted: dict[AlertFilter, set[UUID]] = {
            AlertFilter(): {old.id, mine.id, free.id},
            AlertFilter(open=True): {mine.id, free.id},
            AlertFilter(open=False): {old.id},
            AlertFilter(open=True, unacknowledged=True): {free.id},
            AlertFilter(unacknowledged=False): {mine.id},
            AlertFilter(assigned_to=person): {mine.id},
            AlertFilter(alert_rule_id=world.rule.id, severity=Severity.HIGH): {mine.id},
            AlertFilter(alert_rule_id=uuid4()): set(),
            AlertFilter(since=NOW): {mine.id, free.id},
            AlertFilter(until=NOW): {old.id},
        }
        async with units(world.scope) as unit:
            for wish, ids in wanted.items():
                assert {a.id for a in (await unit.alerts.list(wish, FIRST_PAGE)).items} == ids, wish
                assert (await unit.alerts.count(wish)).total == len(ids), wish
            counts = await unit.alerts.count(AlertFilter())
            assert (counts.open, counts.unacknowledged) == (2, 1)
            assert counts.by_severity == {"low": 0, "medium": 2, "high": 1, "critical": 0}
            found = await unit.alerts.lock_open_of(world.organization_id, ["free", mine.dedupe_key, "none"])
            assert {alert.id for alert in found} == {free.id, mine.id}
            assert len(await unit.alerts.lock_open_of_machine(world.machine.id, 2)) == 2
        async with units(Scope(organization_id=uuid4())) as unit:
            assert (await unit.alerts.count(AlertFilter())).total == 0

    async def test_changes_are_kept_in_order_and_pending_alerts_can_be_discarded(self, units: Units) -> None:
        world = await World(units).store()
        alert = await world.alert(acknowledge_expires_at=NOW, fault_code="F")
        pending = await world.alert(status=AlertStatus.PENDING, dedupe_key="pending")
        rated = alert.rated(Severity.LOW, NOW)
        async with units(world.scope) as unit:
            assert await unit.alerts.get(alert.id) == alert
            await unit.alerts.record(AlertChange(alert, Change.RAISED, NOW))
            change = AlertChange(rated, Change.SEVERITY_CHANGED, NOW, "why", world.user_id, "code")
            await unit.alerts.record(change)
            first, second = await unit.alerts.changes_of(alert.id)
            assert (first.kind, first.version, first.severity) == (Change.RAISED, 1, Severity.MEDIUM)
            assert (second.reason, second.by, second.code) == ("why", world.user_id, "code")
            await unit.alerts.discard(pending.id)
            await unit.alerts.discard(alert.id)
            assert await unit.alerts.get(pending.id) is None
            assert await unit.alerts.get(alert.id) is not None

    async def test_no_alert_reopens_beside_an_open_one(self, units: Units) -> None:
        world = await World(units).store()
        resolved = await world.alert(status=AlertStatus.RESOLVED, resolved_at=NOW)
        other = await world.alert()
        async with units(world.scope) as unit:
            await unit.alerts.lock_all([resolved.id, other.id])
            assert not await unit.alerts.reopen(resolved.reopened(NOW))
            await unit.alerts.update(other.resolved(None, Resolution(), NOW))
            assert await unit.alerts.reopen(resolved.reopened(NOW))
            assert await unit.alerts.get(resolved.id) == resolved.reopened(NOW)

    async def test_rules_of_a_template_are_found_and_counted(self, units: Units) -> None:
        world = await World(units).store()
        template = make_template(world)
        other = make_machine(world.organization_id, location="Hall 3", model="P-75", tags=("pump",))
        async with units(world.scope) as unit:
            await unit.replicas.merge_machine(other)
            await unit.templates.add(template)
            assert await unit.templates.get(template.id) == template
            assert await unit.templates.lock_all() == [template]
            assert (await unit.templates.list(FIRST_PAGE)).items == [template]
            of = {"template_id": template.id, "template_version": 1}
            mine = make_rule(world.machine, world.user_id, overrides=("name",), **of)
            await unit.rules.add(mine)
            await unit.rules.add(
                make_rule(other, world.user_id, overrides=("deleted",), deleted_at=NOW, **of)
            )
            assert await unit.rules.lock_of_template(template.id, world.machine.id) == mine
            assert await unit.rules.lock_of_template(template.id, uuid4()) is None
            listed = await unit.rules.list(RuleFilter(template_id=template.id), FIRST_PAGE)
            assert listed.items == [mine]
            assert await unit.templates.counts(template.id) == TemplateCounts(1, 1, 1)
            await unit.templates.reached(template.id, other.id)
            gone = template.changed({"deleted_at": NOW}, NOW)
            await unit.templates.update(gone)
            assert await unit.templates.get(template.id) is None
            assert await unit.templates.lock(template.id) == gone
            machines = await unit.replicas.machines_after(UUID(int=0), 10)
            assert {machine.id for machine in machines} == {world.machine.id, other.id}
            assert other in machines
            assert await unit.replicas.statuses([other.id, uuid4()]) == {other.id: "active"}
        async with units(Scope(organization_id=uuid4())) as unit:
            assert await unit.templates.lock(template.id) is None
            assert await unit.replicas.machines_after(UUID(int=0), 10) == []

    async def test_the_rules_of_a_machine_that_is_not_active_are_not_judged(self, units: Units) -> None:
        world = await World(units).store()
        async with units(world.scope) as unit:
            for version, status in enumerate(("inactive", "maintenance", "retired"), start=2):
                machine = replace(world.machine, status=status, version=version)
                await unit.replicas.merge_machine(machine)
                assert await unit.rules.lock_watching(world.machine.id) == []
            await unit.replicas.merge_machine(replace(world.machine, version=9))
            assert len(await unit.rules.lock_watching(world.machine.id)) == 1

    async def test_an_organization_has_one_budget(self, units: Units) -> None:
        world = await World(units).store()
        budget = AlertBudget(2, time(22), time(6), "Europe/Berlin", Severity.HIGH)
        async with units(world.scope) as unit:
            assert await unit.performance.budget() is None
            for wanted in (replace(budget, max_alerts=9), budget):
                await unit.performance.set_budget(world.organization_id, wanted, NOW)
            assert await unit.performance.budget() == budget
        async with units(Scope(organization_id=uuid4())) as unit:
            assert await unit.performance.budget() is None
            await unit.performance.remove_budget()
        async with units(world.scope) as unit:
            await unit.performance.remove_budget()
            assert await unit.performance.budget() is None
