"""The suite that all repositories of alerting pass: the fakes and those on PostgreSQL."""

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from services.alerting.alerts.domain import (
    Alert,
    AlertFilter,
    AlertOutcome,
    AlertStatus,
    Change,
    Finding,
    Resolution,
    Seen,
)
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import MESSAGE_JOB, QUEUE, Delivery, DeliveryStatus, Outcome
from services.alerting.deliveries.escalation import Step
from services.alerting.reasons import Reason
from services.alerting.replicas.domain import MachineRef, MemberRef
from services.alerting.rules.domain import Actions, Rule, RuleFilter, Webhook
from services.alerting.rules.signals import Severity
from shared.access import Scope
from shared.http.pages import PageRequest
from shared.jobs.queue import NewJob
from tests.unit.alerting.examples import anomaly, condition, of_anomaly

NOW = datetime(2026, 1, 2, tzinfo=UTC)
FIRST_PAGE = PageRequest()
ACTIONS = Actions(
    steps=(Step(channels=("webhook:cmms",)),),
    webhooks={"cmms": Webhook("https://example.org/hook?key=k", "sealed")},
)


class Units(Protocol):
    def __call__(self, scope: Scope) -> AbstractAsyncContextManager[Unit]: ...


def make_machine(organization_id: UUID, **fields: Any) -> MachineRef:
    return replace(MachineRef(uuid4(), organization_id, "Pump 7", "active", False, 1), **fields)


def make_rule(machine: MachineRef, user_id: UUID, **fields: Any) -> Rule:
    rule = Rule(
        id=uuid4(),
        organization_id=machine.organization_id,
        machine_id=machine.id,
        name="Leaves normal",
        condition=condition(),
        actions=ACTIONS,
        severity=Severity.MEDIUM,
        is_active=True,
        created_by=user_id,
        created_at=NOW,
        updated_at=NOW,
        deleted_at=None,
        version=1,
    )
    return replace(rule, **fields)


def make_alert(rule: Rule, severity: Severity = Severity.MEDIUM, **fields: Any) -> Alert:
    seen = seen_once(of_anomaly(anomaly(rule.machine_id)), severity)
    return replace(Alert.opened(uuid4(), rule, "Pump 7", seen, NOW), **fields)


def seen_once(finding: Finding, severity: Severity) -> Seen:
    return Seen(finding, severity, 1, finding.observed_at, finding.observed_at)


def make_delivery(alert: Alert, **fields: Any) -> Delivery:
    delivery = Delivery(
        id=uuid4(),
        organization_id=alert.organization_id,
        alert_id=alert.id,
        message_id=uuid4(),
        channel="webhook:cmms",
        target="https://example.org/hook",
        change=Change.RAISED,
        message={"type": "alert.raised"},
        attempt=1,
        status=DeliveryStatus.PENDING,
        next_attempt_at=NOW,
        response_status=None,
        latency_ms=None,
        error=None,
        created_at=NOW,
        finished_at=None,
    )
    return replace(delivery, **fields)


class World:
    """An organization with a member, a machine and a rule."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.organization_id, self.user_id = uuid4(), uuid4()
        self.scope = Scope(organization_id=self.organization_id)
        self.machine = make_machine(self.organization_id)
        self.rule = make_rule(self.machine, self.user_id)

    async def store(self) -> "World":
        member = MemberRef(self.organization_id, self.user_id, "e@example.org", "E", "owner", True, False, 1)
        async with self.units(self.scope) as unit:
            await unit.replicas.merge_member(member)
            await unit.replicas.merge_machine(self.machine)
            await unit.rules.add(self.rule)
        return self

    async def alert(self, **fields: Any) -> Alert:
        alert = make_alert(self.rule, **fields)
        async with self.units(self.scope) as unit:
            assert await unit.alerts.add(alert)
        return alert

    async def deliveries(self, count: int, **fields: Any) -> list[Delivery]:
        alert = await self.alert(status=AlertStatus.RESOLVED)
        made = [make_delivery(alert, **fields) for _ in range(count)]
        async with self.units(self.scope) as unit:
            for delivery in made:
                await unit.deliveries.add(delivery)
            await unit.jobs.enqueue(
                [NewJob(d.message_id, QUEUE, MESSAGE_JOB, d.alert_id, d.organization_id) for d in made]
            )
        return made


class RepositorySuite:
    """Subclasses provide the fixture `units`."""

    async def world(self, units: Units) -> World:
        return await World(units).store()

    async def test_the_newest_version_of_a_machine_is_kept_and_deletion_is_final(self, units: Units) -> None:
        machine = make_machine(uuid4(), version=0)
        async with units(Scope(organization_id=machine.organization_id)) as unit:
            for name, version in (("asked", 0), ("newer", 2), ("older", 1)):
                await unit.replicas.merge_machine(replace(machine, name=name, version=version))
            known = await unit.replicas.lock_machine(machine.id)
            assert known is not None
            assert known.name == "newer"
            gone = replace(machine, name="", deleted=True, version=3)
            await unit.replicas.merge_machine(gone)
            await unit.replicas.merge_machine(replace(machine, name="late", version=4))
            assert await unit.replicas.machine(machine.id) == gone
        async with units(Scope(organization_id=uuid4())) as unit:
            assert await unit.replicas.machine(machine.id) is None

    async def test_a_rule_is_stored_and_changed(self, units: Units) -> None:
        world = await self.world(units)
        async with units(world.scope) as unit:
            assert await unit.rules.get(world.rule.id) == world.rule
            changed = world.rule.changed({"name": "New", "severity": Severity.LOW}, NOW)
            await unit.rules.update(changed)
            assert await unit.rules.lock(world.rule.id) == changed
            await unit.rules.update(changed.changed({"is_active": False, "deleted_at": NOW}, NOW))
            assert await unit.rules.get(world.rule.id) is None
            assert (await unit.rules.list(RuleFilter(), FIRST_PAGE)).items == []
            assert await unit.rules.watching(world.machine.id) == []

    async def test_only_active_rules_watch_their_machine(self, units: Units) -> None:
        world = await self.world(units)
        other = make_machine(world.organization_id)
        async with units(world.scope) as unit:
            await unit.replicas.merge_machine(other)
            await unit.rules.add(make_rule(other, world.user_id))
            await unit.rules.add(make_rule(world.machine, world.user_id, is_active=False))
            watching = await unit.rules.watching(world.machine.id)
            assert [(watch.rule, watch.machine_name) for watch in watching] == [(world.rule, "Pump 7")]
            assert await unit.rules.watching(uuid4()) == []
            assert [await unit.rules.count(each) for each in (world.machine.id, other.id, uuid4())] == [
                2,
                1,
                0,
            ]
            await unit.rules.update(world.rule.changed({"is_active": False, "deleted_at": NOW}, NOW))
            assert await unit.rules.count(world.machine.id) == 1
            await unit.rules.update(world.rule)
        async with units(Scope(organization_id=uuid4())) as unit:
            assert await unit.rules.count(world.machine.id) == 0
            assert await unit.rules.watching(world.machine.id) == []

    async def test_at_most_one_alert_per_key_is_open(self, units: Units) -> None:
        world = await self.world(units)
        alert = await world.alert()
        async with units(world.scope) as unit:
            assert not await unit.alerts.add(make_alert(world.rule))
            assert await unit.alerts.lock_open(world.organization_id, alert.dedupe_key) == alert
            resolved = alert.resolved(
                world.user_id, Resolution("done", outcome=AlertOutcome.TRUE_ALARM, fault_code="F-7"), NOW
            )
            await unit.alerts.update(resolved)
            assert await unit.alerts.get(alert.id) == resolved
            assert await unit.alerts.lock_open(world.organization_id, alert.dedupe_key) is None
            assert await unit.alerts.add(make_alert(world.rule))

    async def test_the_alert_resolved_last_is_found_within_an_interval(self, units: Units) -> None:
        world = await self.world(units)
        for minutes in (0, 10):
            await world.alert(
                status=AlertStatus.RESOLVED, resolved_at=NOW + timedelta(minutes=minutes), count=minutes + 1
            )
        place = world.rule.id, world.rule.dedupe_key
        async with units(world.scope) as unit:
            found = await unit.alerts.lock_resolved_since(*place, NOW + timedelta(minutes=5))
            assert found is not None
            assert found.count == 11
            assert await unit.alerts.lock_resolved_since(*place, NOW + timedelta(minutes=11)) is None

    async def test_alerts_are_listed_newest_first_with_filters_and_pages(self, units: Units) -> None:
        world = await self.world(units)
        for minute in range(3):
            await world.alert(status=AlertStatus.RESOLVED, created_at=NOW + timedelta(minutes=minute))
        newest = await world.alert(severity=Severity.CRITICAL, created_at=NOW + timedelta(minutes=3))
        async with units(world.scope) as unit:
            part = await unit.alerts.list(AlertFilter(), PageRequest(limit=3))
            assert part.items[0] == newest
            assert part.next_cursor is not None
            rest = await unit.alerts.list(AlertFilter(), PageRequest(limit=3, after=part.next_cursor))
            assert [alert.created_at for alert in rest.items] == [NOW]
            assert rest.next_cursor is None
            critical = AlertFilter(AlertStatus.ACTIVE, Severity.CRITICAL, world.machine.id)
            assert [alert.id for alert in (await unit.alerts.list(critical, FIRST_PAGE)).items] == [newest.id]
            assert (await unit.alerts.list(AlertFilter(machine_id=uuid4()), FIRST_PAGE)).items == []
            assert [a.id for a in await unit.alerts.lock_open_of_rule(world.rule.id)] == [newest.id]
        async with units(Scope(organization_id=uuid4())) as unit:
            assert (await unit.alerts.list(AlertFilter(), FIRST_PAGE)).items == []
            assert await unit.alerts.lock(newest.id) is None

    async def test_a_deleted_machine_leaves_only_its_tombstone(self, units: Units) -> None:
        world = await self.world(units)
        await world.deliveries(1)
        alert = await world.alert()
        async with units(world.scope) as unit:
            await unit.rules.delete_of_machine(world.machine.id)
            assert await unit.rules.get(world.rule.id) is None
            assert await unit.alerts.get(alert.id) is None
            assert await unit.deliveries.of_alert(alert.id) == []
            assert await unit.replicas.machine(world.machine.id) is not None

    async def test_a_pending_delivery_is_found_by_its_message_until_it_is_finished(
        self, units: Units
    ) -> None:
        world = await self.world(units)
        (delivery,) = await world.deliveries(1)
        outcome = Outcome(DeliveryStatus.FAILED, 503, 12.5, Reason("the receiver answered 503"))
        async with units(world.scope) as unit:
            assert await unit.deliveries.pending(delivery.message_id) == [delivery]
            sent = replace(delivery, target="https://moved.example.org/hook")
            await unit.deliveries.finish(sent, outcome, NOW)
            assert await unit.deliveries.pending(delivery.message_id) == []
            following = delivery.next(uuid4(), NOW, NOW + timedelta(seconds=5))
            await unit.deliveries.add(following)
            assert await unit.deliveries.of_alert(delivery.alert_id) == [
                replace(
                    sent,
                    status=outcome.status,
                    response_status=503,
                    latency_ms=12.5,
                    error=outcome.error,
                    finished_at=NOW,
                ),
                following,
            ]
            await unit.deliveries.postpone(delivery.message_id, NOW + timedelta(hours=1))
            later = replace(following, next_attempt_at=NOW + timedelta(hours=1))
            assert await unit.deliveries.pending(delivery.message_id) == [later]
        async with units(Scope(organization_id=uuid4())) as unit:
            assert await unit.deliveries.of_alert(delivery.alert_id) == []
