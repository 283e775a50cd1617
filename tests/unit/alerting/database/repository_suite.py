"""What every repository of alerting must do: the fakes' and PostgreSQL's run the same tests."""

from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol
from uuid import UUID, uuid4

from services.alerting.alerts.domain import Alert, AlertFilter, AlertStatus, Change
from services.alerting.alerts.findings import of_anomaly
from services.alerting.database.unit import Unit
from services.alerting.deliveries.domain import Delivery, DeliveryStatus, Lease, Outcome
from services.alerting.replicas.domain import MachineRef, MemberRef
from services.alerting.rules.actions import Actions, Webhook
from services.alerting.rules.condition_reader import read_condition
from services.alerting.rules.conditions import Severity
from services.alerting.rules.domain import Rule, RuleFilter
from shared.access import Scope
from shared.http.pages import PageRequest
from tests.unit.alerting.examples import anomaly, condition

NOW = datetime(2026, 1, 1, tzinfo=UTC)
FIRST_PAGE = PageRequest()
LEASE = timedelta(minutes=1)
ACTIONS = Actions(
    channels=("webhook:cmms",), webhooks={"cmms": Webhook("https://example.org/hook?key=k", "sealed")}
)


class Units(Protocol):
    def __call__(self, scope: Scope) -> AbstractAsyncContextManager[Unit]: ...

    async def claim(self, wanted: int, share: int, at: datetime, lease: timedelta) -> Sequence[Lease]: ...


def make_machine(organization_id: UUID, **fields: Any) -> MachineRef:
    return replace(MachineRef(uuid4(), organization_id, "Pump 7", "active", False, 1), **fields)


def make_rule(machine: MachineRef, user_id: UUID, **fields: Any) -> Rule:
    document = condition()
    rule = Rule(
        id=uuid4(),
        organization_id=machine.organization_id,
        machine_id=machine.id,
        name="Leaves normal",
        document=document,
        condition=read_condition(document),
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
    finding = of_anomaly(anomaly(rule.machine_id))
    return replace(Alert.raised(uuid4(), rule, "Pump 7", finding, severity, NOW), **fields)


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
    """An organization with a member, a machine and a rule, stored."""

    def __init__(self, units: Units) -> None:
        self.units = units
        self.organization_id, self.user_id = uuid4(), uuid4()
        self.scope = Scope(organization_id=self.organization_id)
        self.machine = make_machine(self.organization_id)
        self.rule = make_rule(self.machine, self.user_id)

    async def store(self) -> "World":
        member = MemberRef(self.organization_id, self.user_id, "e@example.org", "E", "owner", True, False, 1)
        async with self.units(self.scope) as unit:
            await unit.references.merge_member(member)
            await unit.references.merge_machine(self.machine)
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
        return made


class RepositorySuite:
    """Subclasses give the fixture `units`."""

    async def world(self, units: Units) -> World:
        return await World(units).store()

    async def test_news_of_a_machine_are_kept_in_order_and_deletion_is_final(self, units: Units) -> None:
        machine = make_machine(uuid4(), version=0)
        async with units(Scope(organization_id=machine.organization_id)) as unit:
            for name, version in (("asked", 0), ("newer", 2), ("older", 1)):
                await unit.references.merge_machine(replace(machine, name=name, version=version))
            known = await unit.references.hold_machine(machine.id)
            assert known is not None
            assert known.name == "newer"
            gone = replace(machine, name="", deleted=True, version=3)
            await unit.references.merge_machine(gone)
            await unit.references.merge_machine(replace(machine, name="late", version=4))
            assert await unit.references.machine(machine.id) == gone
        async with units(Scope(organization_id=uuid4())) as unit:
            assert await unit.references.machine(machine.id) is None

    async def test_a_rule_comes_back_as_it_was_made(self, units: Units) -> None:
        world = await self.world(units)
        async with units(world.scope) as unit:
            assert await unit.rules.get(world.rule.id) == world.rule
            changed = world.rule.changed({"name": "New", "severity": Severity.LOW}, NOW)
            await unit.rules.update(changed)
            assert await unit.rules.lock(world.rule.id) == changed
            await unit.rules.update(changed.changed({"is_active": False, "deleted_at": NOW}, NOW))
            assert await unit.rules.get(world.rule.id) is None
            assert (await unit.rules.list(RuleFilter(), FIRST_PAGE)).items == []
            assert await unit.rules.lock_watching(world.machine.id) == []

    async def test_only_active_rules_of_the_machine_watch_it(self, units: Units) -> None:
        world = await self.world(units)
        other = make_machine(world.organization_id)
        async with units(world.scope) as unit:
            await unit.references.merge_machine(other)
            await unit.rules.add(make_rule(other, world.user_id))
            await unit.rules.add(make_rule(world.machine, world.user_id, is_active=False))
            watching = await unit.rules.lock_watching(world.machine.id)
            assert [(watch.rule, watch.machine_name) for watch in watching] == [(world.rule, "Pump 7")]
            assert await unit.rules.lock_watching(uuid4()) == []
        async with units(Scope(organization_id=uuid4())) as unit:
            assert await unit.rules.lock_watching(world.machine.id) == []

    async def test_one_alert_of_a_key_is_open_at_most(self, units: Units) -> None:
        world = await self.world(units)
        alert = await world.alert()
        async with units(world.scope) as unit:
            assert not await unit.alerts.add(make_alert(world.rule))
            assert await unit.alerts.lock_open(world.organization_id, alert.dedupe_key) == alert
            resolved = alert.resolved(world.user_id, "done", NOW)
            await unit.alerts.update(resolved)
            assert await unit.alerts.get(alert.id) == resolved
            assert await unit.alerts.lock_open(world.organization_id, alert.dedupe_key) is None
            assert await unit.alerts.add(make_alert(world.rule))

    async def test_the_alert_resolved_last_is_found_while_it_is_young(self, units: Units) -> None:
        world = await self.world(units)
        for minutes in (0, 10):
            await world.alert(
                status=AlertStatus.RESOLVED, resolved_at=NOW + timedelta(minutes=minutes), count=minutes + 1
            )
        async with units(world.scope) as unit:
            found = await unit.alerts.lock_resolved_since(world.rule, NOW + timedelta(minutes=5))
            assert found is not None
            assert found.count == 11
            assert await unit.alerts.lock_resolved_since(world.rule, NOW + timedelta(minutes=11)) is None

    async def test_alerts_are_filtered_and_paged_newest_first(self, units: Units) -> None:
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

    async def test_a_deleted_machine_leaves_nothing_but_its_tombstone(self, units: Units) -> None:
        world = await self.world(units)
        await world.deliveries(1)
        alert = await world.alert()
        async with units(world.scope) as unit:
            await unit.rules.delete_of_machine(world.machine.id)
            assert await unit.rules.get(world.rule.id) is None
            assert await unit.alerts.get(alert.id) is None
            assert await unit.deliveries.of_alert(alert.id) == []
            assert await unit.references.machine(world.machine.id) is not None

    async def test_a_delivery_is_leased_made_and_noted_once(self, units: Units) -> None:
        world = await self.world(units)
        (delivery,) = await world.deliveries(1, next_attempt_at=NOW)
        assert not await self.claimed(units, world, at=NOW - timedelta(seconds=1))
        (lease,) = await self.claimed(units, world, at=NOW)
        assert not await self.claimed(units, world, at=NOW), "leased already"
        (later,) = await self.claimed(units, world, at=NOW + LEASE)
        outcome = Outcome(True, 204, 12.5, None)
        async with units(world.scope) as unit:
            assert await unit.deliveries.leased(lease) is None, "taken over"
            assert not await unit.deliveries.finish(lease, DeliveryStatus.DELIVERED, "t", outcome, NOW)
            outgoing = await unit.deliveries.leased(later)
            assert outgoing is not None
            assert outgoing.delivery == delivery
            assert outgoing.webhook == ACTIONS.webhook("webhook:cmms")
            assert await unit.deliveries.finish(later, DeliveryStatus.DELIVERED, "t", outcome, NOW)
            assert await unit.deliveries.leased(later) is None
            (noted,) = await unit.deliveries.of_alert(delivery.alert_id)
            assert noted == replace(
                delivery,
                status=DeliveryStatus.DELIVERED,
                target="t",
                response_status=204,
                latency_ms=12.5,
                finished_at=NOW,
            )
        assert not await self.claimed(units, world, at=NOW + 2 * LEASE)

    async def test_an_organization_gets_its_share_of_places_at_once(self, units: Units) -> None:
        busy, calm = await self.world(units), await self.world(units)
        await busy.deliveries(10)
        await calm.deliveries(1, next_attempt_at=NOW + timedelta(seconds=1))
        at = NOW + timedelta(seconds=1)
        first = await units.claim(100, 4, at, LEASE)
        assert sum(lease.organization_id == busy.organization_id for lease in first) == 4
        assert sum(lease.organization_id == calm.organization_id for lease in first) == 1
        assert not [
            lease for lease in await units.claim(100, 4, at, LEASE)
            if lease.organization_id in (busy.organization_id, calm.organization_id)
        ]  # fmt: skip

    @staticmethod
    async def claimed(units: Units, world: World, *, at: datetime) -> list[Lease]:
        leases = await units.claim(100, 100, at, LEASE)
        return [lease for lease in leases if lease.organization_id == world.organization_id]
