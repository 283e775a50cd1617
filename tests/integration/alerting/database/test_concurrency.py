"""Two replicas at work at the same time, on real transactions: no alert is doubled, no finding is lost."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from uuid import UUID, uuid4

import asyncpg
import pytest

from services.alerting.alerts.domain import AlertStatus
from services.alerting.alerts.evaluator import Evaluator
from services.alerting.alerts.findings import of_anomaly
from services.alerting.alerts.service import AlertService
from services.alerting.alerts.telling import Teller
from services.alerting.database.postgres import PostgresUnits
from services.alerting.replicas.service import ReferenceService
from services.alerting.rules.conditions import Severity
from services.alerting.rules.service import RuleService
from shared.access import Caller, Role, Scope
from shared.audit import Auditor
from shared.clock import SystemClock, time_ordered_id
from shared.crypto import Encryptor
from shared.postgres.connection import Database
from tests.integration.alerting.publishing import machine_changed
from tests.support.installation import TestDatabase
from tests.support.waiting import eventually
from tests.unit.alerting.database.repository_suite import World, make_alert
from tests.unit.alerting.examples import anomaly

REPLICAS = 2
BLOCKED = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND cardinality(pg_blocking_pids(pid)) > 0
"""
KEYS = "test:" + "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="


class Replica:
    """One process of the service, as far as the database sees it."""

    def __init__(self, database: Database) -> None:
        clock = SystemClock()
        self.units = PostgresUnits(database, clock, time_ordered_id)
        teller, references, auditor = Teller(clock, time_ordered_id), ReferenceService(), Auditor(clock)
        self.references = references
        self.evaluator = Evaluator(clock, time_ordered_id, teller)
        self.alerts = AlertService(clock, auditor, references, teller)
        self.rules = RuleService(clock, time_ordered_id, auditor, Encryptor(KEYS), references, teller)

    async def deliver(self, world: World, event_id: UUID, ratio: float = 2.0) -> None:
        """What the consumer does with a record."""
        async with self.units(world.scope) as unit:
            if await unit.inbox.accept(event_id):
                payload = anomaly(world.machine.id, ratio)
                await self.evaluator.observe(unit, world.machine.id, lambda: of_anomaly(payload))


@pytest.fixture(scope="module")
async def replicas(quiet_database: TestDatabase) -> AsyncIterator[Sequence[Replica]]:
    dsn = quiet_database.dsn("alerting")
    async with (
        Database(dsn, service="alerting", pool_size=8) as one,
        Database(dsn, service="alerting", pool_size=8) as two,
    ):
        yield Replica(one), Replica(two)


@pytest.fixture
async def world(replicas: Sequence[Replica]) -> World:
    return await World(replicas[0].units).store()


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


async def test_the_same_events_at_two_replicas_make_one_alert_and_count_once(
    replicas: Sequence[Replica], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    events = [uuid4() for _ in range(30)]
    await asyncio.gather(*(r.deliver(world, event) for event in events for r in replicas))
    rows = await admin.fetch("SELECT * FROM alerting.alerts WHERE machine_id = $1", world.machine.id)
    assert len(rows) == 1
    assert '"count":30' in rows[0]["data"].replace(" ", "")
    assert await raised(admin, world) == 1


async def test_the_index_has_the_last_word(replicas: Sequence[Replica], world: World) -> None:
    """Two transactions that insert at once, without the rule's lock: the second waits, then adds nothing."""
    both_in = asyncio.Barrier(REPLICAS)

    async def add(replica: Replica) -> bool:
        async with replica.units(world.scope) as unit:
            await both_in.wait()
            return await unit.alerts.add(make_alert(world.rule))

    assert sorted(await asyncio.gather(*(add(replica) for replica in replicas))) == [False, True]


async def test_resolving_during_a_flood_loses_no_finding(
    replicas: Sequence[Replica], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def resolve_whatever_is_open() -> None:
        for _ in range(10):
            async with replicas[0].units(world.scope) as unit:
                alert = await unit.alerts.lock_open(world.organization_id, world.rule.dedupe_key)
                if alert is not None:
                    await replicas[0].alerts.resolve(unit, caller(world), alert.id, None)

    floods = [replica.deliver(world, uuid4()) for _ in range(40) for replica in replicas]
    await asyncio.gather(resolve_whatever_is_open(), *floods)
    rows = await admin.fetch(
        "SELECT status, (data->>'count')::int AS count FROM alerting.alerts WHERE machine_id = $1",
        world.machine.id,
    )
    assert sum(row["count"] for row in rows) == 80
    assert sum(row["status"] != AlertStatus.RESOLVED for row in rows) <= 1
    assert await raised(admin, world) == len(rows)


async def test_a_person_s_resolve_waits_for_the_finding_under_way_and_is_not_lost(
    replicas: Sequence[Replica], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await replicas[0].deliver(world, uuid4())
    finding = of_anomaly(anomaly(world.machine.id))

    async def resolve(alert_id: UUID) -> None:
        async with replicas[1].units(world.scope) as unit:
            await replicas[1].alerts.resolve(unit, caller(world), alert_id, None)

    async def waits() -> bool:
        return bool(await admin.fetchval(BLOCKED))

    async with replicas[0].units(world.scope) as unit:
        alert = await unit.alerts.lock_open(world.organization_id, world.rule.dedupe_key)
        assert alert is not None
        resolving = asyncio.create_task(resolve(alert.id))
        await eventually(waits, what="the resolve to wait for the finding")
        await unit.alerts.update(alert.seen(finding, Severity.MEDIUM, alert.created_at)[0])
    await resolving
    async with replicas[0].units(world.scope) as unit:
        found = await unit.alerts.get(alert.id)
    assert found is not None
    assert (found.status, found.count, found.version) == (AlertStatus.RESOLVED, 2, 3)


async def test_a_rule_deleted_during_a_flood_leaves_nothing_open(
    replicas: Sequence[Replica], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def remove() -> None:
        async with replicas[1].units(world.scope) as unit:
            await replicas[1].rules.remove(unit, caller(world), world.rule.id)

    floods = [replicas[0].deliver(world, uuid4()) for _ in range(20)]
    await asyncio.gather(*floods[:10], remove(), *floods[10:])
    await replicas[0].deliver(world, uuid4())
    opened = "SELECT count(*) FROM alerting.alerts WHERE machine_id = $1 AND status <> 'resolved'"
    assert await admin.fetchval(opened, world.machine.id) == 0


async def test_a_machine_deleted_during_a_flood_leaves_nothing(
    replicas: Sequence[Replica], world: World, admin: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    async def remove() -> None:
        async with replicas[1].units(world.scope) as unit:
            gone = machine_changed(world.machine.id, version=9, deleted=True)
            await replicas[1].references.machine_changed(unit, world.organization_id, gone)

    floods = [replicas[0].deliver(world, uuid4()) for _ in range(20)]
    await asyncio.gather(*floods[:10], remove(), *floods[10:])
    await replicas[0].deliver(world, uuid4())
    for table in ("alerts", "alert_rules"):
        count = f"SELECT count(*) FROM alerting.{table} WHERE machine_id = $1"
        assert await admin.fetchval(count, world.machine.id) == 0, table


async def test_a_severity_that_rises_at_two_replicas_ends_at_the_worst(
    replicas: Sequence[Replica], world: World
) -> None:
    await asyncio.gather(*(replicas[n % 2].deliver(world, uuid4(), 2 + n / 10) for n in range(20)))
    async with replicas[0].units(Scope(organization_id=world.organization_id)) as unit:
        alert = await unit.alerts.lock_open(world.organization_id, world.rule.dedupe_key)
    assert alert is not None
    assert (alert.worst_distance_ratio, alert.count, alert.version) == (3.9, 20, 20)
    assert alert.severity is Severity.MEDIUM
