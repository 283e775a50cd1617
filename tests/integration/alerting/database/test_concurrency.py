"""Two concurrent instances on real transactions: no alert is duplicated, no finding is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.changes import Transition, TransitionKind
from services.alerting.alerts.domain import AlertStatus, Resolution
from services.alerting.alerts.errors import AlertIsResolved
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.alerts.service import AlertService
from services.alerting.database.postgres import PostgresUnits
from services.alerting.deliveries.domain import Delivery
from services.alerting.deliveries.notifier import Notifier
from services.alerting.judging.judge import Judge, judging_worker
from services.alerting.replicas.service import ReplicaService
from services.alerting.rules.compiled import ProgramCache
from services.alerting.rules.conditions import compile_condition
from services.alerting.rules.domain import Actions
from services.alerting.rules.sealing import WebhookSealer
from services.alerting.rules.service import RuleService
from services.alerting.rules.signals import Severity
from services.alerting.series.service import SeriesService
from services.alerting.templates.domain import START
from services.alerting.templates.sync import TemplateSync
from shared.access import Caller, Role, Scope
from shared.audit import Auditor
from shared.clock import SystemClock, time_ordered_id
from shared.crypto import Encryptor
from shared.postgres.connection import Database
from tests.integration.alerting.publishing import machine_changed
from tests.support.installation import TestDatabase
from tests.support.waiting import eventually
from tests.unit.alerting.database.life_suite import make_template
from tests.unit.alerting.database.repository_suite import (
    World,
    make_alert,
    make_delivery,
    make_machine,
    seen_once,
)
from tests.unit.alerting.examples import anomaly, of_anomaly

INSTANCES = 2
CONSUMERS = 20
BLOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""
KEYS = "test:" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


class Instance:
    """One process of the service, as the database sees it."""

    def __init__(self, database: Database) -> None:
        clock = SystemClock()
        self.units = PostgresUnits(database, clock, time_ordered_id)
        replicas, auditor = ReplicaService(), Auditor(clock)
        announcer = Announcer(Notifier(clock, time_ordered_id))
        self.lifecycle = lifecycle = AlertLifecycle(clock, time_ordered_id, announcer)
        self.replicas = replicas
        self.series = SeriesService(clock, time_ordered_id)
        judge = Judge(self.units, lifecycle, ProgramCache(compile_condition), clock)
        self._worker = judging_worker(self.units.queue, judge)
        sealer = WebhookSealer(Encryptor(KEYS))
        self.templates = TemplateSync(clock, time_ordered_id, auditor, sealer, lifecycle)
        self.alerts = AlertService(clock, auditor, replicas, announcer)
        self.rules = RuleService(
            clock, time_ordered_id, auditor, WebhookSealer(Encryptor(KEYS)), replicas, lifecycle
        )

    async def deliver(self, world: World, event_id: UUID, ratio: float = 2.0) -> None:
        """Do what the consumer does with a record."""
        async with self.units(world.scope) as unit:
            if await unit.inbox.accept(event_id):
                payload = anomaly(world.machine.id, ratio)
                await self.series.detected(unit, world.organization_id, payload)
        await self._worker.run_due()


@pytest.fixture(scope="module")
async def instances(quiet_database: TestDatabase) -> AsyncIterator[Sequence[Instance]]:
    dsn = quiet_database.dsn("alerting")
    async with (
        Database(dsn, service="alerting", pool_size=8) as one,
        Database(dsn, service="alerting", pool_size=8) as two,
    ):
        yield Instance(one), Instance(two)


@pytest.fixture
async def world(instances: Sequence[Instance]) -> World:
    return await World(instances[0].units).store()


@pytest.fixture
async def admin(quiet_database: TestDatabase) -> "AsyncIterator[asyncpg.Connection[asyncpg.Record]]":
    connection = await asyncpg.connect(quiet_database.admin_dsn)
    yield connection
    await connection.close()


def caller(world: World) -> Caller:
    return Caller(world.user_id, "e@example.org", "E", world.organization_id, Role.OWNER, "token")


async def raised(admin: "asyncpg.Connection[asyncpg.Record]", world: World) -> int:
    return int(
        await admin.fetchval(
            "SELECT count(*) FROM alerting.outbox WHERE topic = 'alert.raised' AND key = $1",
            str(world.machine.id),
        )
    )


async def test_events_delivered_to_two_instances_open_one_alert_and_count_once(
    instances: Sequence[Instance], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    events = [uuid4() for _ in range(30)]
    await asyncio.gather(*(r.deliver(world, event) for event in events for r in instances))
    rows = await admin.fetch("SELECT * FROM alerting.alerts WHERE machine_id = $1", world.machine.id)
    assert len(rows) == 1
    assert '"count":30' in rows[0]["data"].replace(" ", "")
    assert await raised(admin, world) == 1


async def test_the_unique_index_allows_one_open_alert(instances: Sequence[Instance], world: World) -> None:
    """Two concurrent inserts without the lock of the rule: the second waits, then adds nothing."""
    both_in = asyncio.Barrier(INSTANCES)

    async def add(instance: Instance) -> bool:
        async with instance.units(world.scope) as unit:
            await both_in.wait()
            return await unit.alerts.add(make_alert(world.rule))

    assert sorted(await asyncio.gather(*(add(instance) for instance in instances))) == [False, True]


async def test_twenty_consumers_without_any_lock_open_one_alert_and_lose_nothing(
    instances: Sequence[Instance], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    """The unique index decides, also when the alert is resolved and raised again in between."""
    finding = of_anomaly(anomaly(world.machine.id))
    raises = Transition(
        TransitionKind.RAISE, world.rule, "Pump 7", finding.observed_at, Severity.MEDIUM, finding
    )
    clears = replace(raises, kind=TransitionKind.CLEAR)

    async def consume(number: int) -> None:
        instance = instances[number % INSTANCES]
        for transition in (raises, raises, clears) if number % 5 == 0 else (raises, raises):
            async with instance.units(world.scope) as unit:
                await instance.lifecycle.apply(unit, [transition])

    await asyncio.gather(*(consume(number) for number in range(CONSUMERS)))
    rows = await admin.fetch(
        "SELECT status, (data->>'count')::int AS count FROM alerting.alerts WHERE machine_id = $1",
        world.machine.id,
    )
    assert sum(row["count"] for row in rows) == 2 * CONSUMERS
    assert sum(row["status"] != AlertStatus.RESOLVED for row in rows) <= 1
    assert await raised(admin, world) == len(rows)


async def test_resolving_during_a_flood_loses_no_finding(
    instances: Sequence[Instance], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def resolve_whatever_is_open() -> None:
        for _ in range(10):
            async with instances[0].units(world.scope) as unit:
                alert = await unit.alerts.lock_open(world.organization_id, world.rule.dedupe_key)
                if alert is not None:
                    await instances[0].alerts.resolve(unit, caller(world), alert.id, Resolution())

    floods = [instance.deliver(world, uuid4()) for _ in range(40) for instance in instances]
    await asyncio.gather(resolve_whatever_is_open(), *floods)
    rows = await admin.fetch(
        "SELECT status, (data->>'count')::int AS count FROM alerting.alerts WHERE machine_id = $1",
        world.machine.id,
    )
    assert sum(row["count"] for row in rows) == 80
    assert sum(row["status"] != AlertStatus.RESOLVED for row in rows) <= 1
    assert await raised(admin, world) == len(rows)


async def test_resolving_waits_for_a_concurrent_finding_and_is_not_lost(
    instances: Sequence[Instance], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await instances[0].deliver(world, uuid4())
    finding = of_anomaly(anomaly(world.machine.id))

    async def resolve(alert_id: UUID) -> None:
        async with instances[1].units(world.scope) as unit:
            await instances[1].alerts.resolve(unit, caller(world), alert_id, Resolution())

    async def waits() -> bool:
        return bool(await admin.fetchval(BLOCKED))

    async with instances[0].units(world.scope) as unit:
        alert = await unit.alerts.lock_open(world.organization_id, world.rule.dedupe_key)
        assert alert is not None
        resolving = asyncio.create_task(resolve(alert.id))
        await eventually(waits, what="the resolve to wait for the finding")
        await unit.alerts.update(alert.seen(seen_once(finding, Severity.MEDIUM), alert.created_at)[0])
    await resolving
    async with instances[0].units(world.scope) as unit:
        found = await unit.alerts.get(alert.id)
    assert found is not None
    assert (found.status, found.count, found.version) == (AlertStatus.RESOLVED, 2, 3)


async def test_messages_of_one_group_that_are_sent_at_once_are_in_one_mail_each(
    instances: Sequence[Instance], world: World
) -> None:
    alert = make_alert(world.rule)
    messages = [
        make_delivery(alert, target_key=f"user:{n}", lane_id=uuid4(), group_key="g") for n in range(INSTANCES)
    ]
    async with instances[0].units(world.scope) as unit:
        assert await unit.alerts.add(alert)
        for message in messages:
            await unit.deliveries.add(message)
    both_in = asyncio.Barrier(INSTANCES)

    async def send(instance: Instance, message: Delivery) -> Sequence[UUID]:
        """What its mail says, as the dispatcher decides."""
        async with instance.units(world.scope) as unit:
            assert await unit.deliveries.pending(message.lane) == [message]
            await both_in.wait()
            if not await unit.deliveries.take_group(message, alert.created_at, 10):
                return []
            others = await unit.deliveries.grouped_into(message.message_id)
            return [message.id, *(other.id for other in others)]

    sent = await asyncio.gather(*(send(*pair) for pair in zip(instances, messages, strict=True)))
    assert sorted(each for mail in sent for each in mail) == sorted(each.id for each in messages)


async def test_deleting_a_rule_during_a_flood_leaves_no_open_alert(
    instances: Sequence[Instance], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def remove() -> None:
        async with instances[1].units(world.scope) as unit:
            await instances[1].rules.remove(unit, caller(world), world.rule.id)

    floods = [instances[0].deliver(world, uuid4()) for _ in range(20)]
    await asyncio.gather(*floods[:10], remove(), *floods[10:])
    await instances[0].deliver(world, uuid4())
    opened = "SELECT count(*) FROM alerting.alerts WHERE machine_id = $1 AND status <> 'resolved'"
    assert await admin.fetchval(opened, world.machine.id) == 0


async def test_deleting_a_machine_during_a_flood_leaves_no_alert(
    instances: Sequence[Instance], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def remove() -> None:
        async with instances[1].units(world.scope) as unit:
            gone = machine_changed(world.machine.id, version=9, deleted=True)
            await instances[1].replicas.machine_changed(unit, world.organization_id, gone)

    floods = [instances[0].deliver(world, uuid4()) for _ in range(20)]
    await asyncio.gather(*floods[:10], remove(), *floods[10:])
    await instances[0].deliver(world, uuid4())
    for table in ("alerts", "alert_rules"):
        count = f"SELECT count(*) FROM alerting.{table} WHERE machine_id = $1"
        assert await admin.fetchval(count, world.machine.id) == 0, table


async def test_severity_rising_on_two_instances_ends_at_the_maximum(
    instances: Sequence[Instance], world: World
) -> None:
    await asyncio.gather(*(instances[n % 2].deliver(world, uuid4(), 2 + n / 10) for n in range(20)))
    async with instances[0].units(Scope(organization_id=world.organization_id)) as unit:
        alert = await unit.alerts.lock_open(world.organization_id, world.rule.dedupe_key)
    assert alert is not None
    assert (alert.worst_distance_ratio, alert.count) == (3.9, 20)
    assert alert.severity is Severity.MEDIUM


async def test_an_alert_does_not_reopen_while_its_rule_is_deleted(
    instances: Sequence[Instance], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    alert = await world.alert(status=AlertStatus.RESOLVED)

    async def reopen() -> None:
        async with instances[1].units(world.scope) as unit:
            await instances[1].alerts.reopen(unit, caller(world), alert.id, None)

    async with instances[0].units(world.scope) as unit:
        await instances[0].rules.remove(unit, caller(world), world.rule.id)
        reopening = asyncio.create_task(reopen())
        await eventually(blocked(admin), what="the reopening to wait for the deletion")
    with pytest.raises(AlertIsResolved):
        await reopening


async def test_a_machine_that_comes_while_a_template_does_gets_its_rule(
    instances: Sequence[Instance], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    machine = make_machine(world.organization_id, tags=("pump",))
    template = make_template(world, sync_after=START, actions=Actions())

    async def cover() -> None:
        async with instances[1].units(world.scope) as unit:
            await unit.templates.add(template)
        async with instances[1].units(world.scope) as unit:
            await instances[1].templates.continue_pass(unit, template.id)

    async with instances[0].units(world.scope) as unit:
        await unit.replicas.merge_machine(machine)
        await instances[0].templates.machine_changed(unit, machine)
        covering = asyncio.create_task(cover())
        await eventually(blocked(admin), what="the pass to wait for the machine")
    await covering
    async with instances[0].units(world.scope) as unit:
        assert await unit.rules.lock_of_template(template.id, machine.id) is not None


def blocked(admin: "asyncpg.Connection[asyncpg.Record]") -> Callable[[], Awaitable[bool]]:
    async def waits() -> bool:
        return bool(await admin.fetchval(BLOCKED))

    return waits
