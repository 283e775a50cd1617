"""The delivery queue in PostgreSQL: nothing is lost when workers are killed, nor when the schema changes."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiohttp import web
from alembic import command

from dinsight.provision.migrations import configuration, upgrade
from services.alerting.database.postgres import PostgresUnits
from services.alerting.deliveries.domain import QUEUE, DeliveryStatus
from services.alerting.deliveries.escalation import Step
from services.alerting.rules.domain import Actions, Webhook
from services.alerting.rules.sealing import secret_purpose
from shared.clock import SystemClock, time_ordered_id
from shared.crypto import Encryptor
from shared.postgres.connection import Database
from tests.integration.alerting.deliveries.dispatcher_process import CONCURRENCY, KEYS, LEASE
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.support.killable import KillableWorker
from tests.support.waiting import eventually
from tests.unit.alerting.database.repository_suite import World, make_delivery
from tests.unit.alerting.examples import SECRET

DISPATCHER = "tests.integration.alerting.deliveries.dispatcher_process"
MESSAGES = 40
KILLS = 8


@pytest.fixture
async def own_database(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    created = await create_database(postgres_admin_dsn)
    await asyncio.to_thread(upgrade, "alerting", created.admin_dsn)
    yield created
    await drop_database(postgres_admin_dsn, created)


@dataclass
class KillingReceiver:
    """Accepts messages, and kills the worker at every third one, which it has sent and cannot record."""

    workers: KillableWorker
    received: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        self.received.append(request.headers["webhook-id"])
        if len(self.received) % 3 == 0 and self.workers.killed < KILLS:
            self.workers.kill()
        return web.Response(status=204)


async def serve(receiver: KillingReceiver) -> tuple[web.AppRunner, str]:
    app = web.Application()
    app.router.add_post("/hook", receiver.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    return runner, f"http://127.0.0.1:{runner.addresses[0][1]}/hook"


async def test_killed_workers_lose_no_message_and_keep_message_ids(
    own_database: TestDatabase,
) -> None:
    workers = KillableWorker(DISPATCHER, own_database.dsn("alerting"))
    receiver = KillingReceiver(workers)
    runner, url = await serve(receiver)
    async with Database(own_database.dsn("alerting"), service="alerting", pool_size=2) as database:
        units = PostgresUnits(database, SystemClock(), time_ordered_id)
        world = World(units)
        sealed = Encryptor(KEYS).encrypt(SECRET, purpose=secret_purpose(world.rule.id, "cmms"))
        actions = Actions(steps=(Step(channels=("webhook:cmms",)),), webhooks={"cmms": Webhook(url, sealed)})
        world.rule = replace(world.rule, actions=actions)
        await world.store()
        made = await world.deliveries(MESSAGES)
        running = asyncio.create_task(workers.run())
        try:

            async def done() -> bool:
                depth = await units.queue.depth(QUEUE)
                return (depth.waiting, depth.running) == (0, 0)

            await eventually(done, seconds=240, what="an empty queue")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await workers.stop()
            await runner.cleanup()
        async with units(world.scope) as unit:
            noted = await unit.deliveries.of_alert(made[0].alert_id)
    assert workers.killed == KILLS
    assert Counter(delivery.status for delivery in noted) == {DeliveryStatus.DELIVERED: MESSAGES}
    received = Counter(receiver.received)
    assert received.keys() == {f"msg_{delivery.message_id}" for delivery in made}
    # Only the messages that a killed worker was sending arrive twice.
    assert received.total() - MESSAGES <= CONCURRENCY * KILLS


async def test_the_migration_enqueues_pending_deliveries(postgres_admin_dsn: str) -> None:
    created = await create_database(postgres_admin_dsn)
    try:
        config = configuration("alerting", created.admin_dsn)
        await asyncio.to_thread(command.upgrade, config, "alerting_0002")
        connection = await asyncpg.connect(created.admin_dsn)
        try:
            await connection.execute("SET session_replication_role = replica")
            first, retried, leased, done = [
                await insert(connection, *values)
                for values in ((1, "pending"), (4, "pending"), (1, "pending", 5), (1, "delivered"))
            ]
        finally:
            await connection.close()
        await asyncio.to_thread(command.upgrade, config, "head")
        async with Database(created.dsn("alerting"), service="alerting", pool_size=1) as database:
            units = PostgresUnits(database, SystemClock(), time_ordered_id)
            claimed = {job.id: job.attempt for job in await units.queue.claim(QUEUE, 10, lease=LEASE)}
            assert claimed == {first: 1, retried: 4, leased: 1}
            assert done not in claimed
    finally:
        await drop_database(postgres_admin_dsn, created)


async def insert(
    connection: "asyncpg.Connection[asyncpg.Record]", attempt: int, status: str, minutes: int | None = None
) -> UUID:
    """Store a delivery as before the queue, optionally leased; returns the id of its message."""
    message_id = uuid4()
    await connection.execute(
        "INSERT INTO alerting.deliveries (id, organization_id, alert_id, message_id, channel, target, change,"
        " message, attempt, status, next_attempt_at, lease_id, leased_until) VALUES ($1, $2, $3, $4,"
        " 'webhook:cmms', 'https://example.org', 'raised', '{}', $5, $6, now(), $7,"
        " now() + $8 * interval '1 minute')",
        uuid4(), uuid4(), uuid4(), message_id, attempt, status, uuid4() if minutes else None, minutes,
    )  # fmt: skip
    return message_id


async def test_deliveries_written_by_an_older_version_are_adopted(
    own_database: TestDatabase,
) -> None:
    async with Database(own_database.dsn("alerting"), service="alerting", pool_size=1) as database:
        units = PostgresUnits(database, SystemClock(), time_ordered_id)
        world = await World(units).store()
        alert = await world.alert()
        delivery = make_delivery(alert)
        async with units(world.scope) as unit:
            await unit.deliveries.add(delivery)
        assert await units.adopt_deliveries() == 1
        assert await units.adopt_deliveries() == 0, "it has a job"
        [job] = await units.queue.claim(QUEUE, 10, lease=LEASE)
        assert (job.id, job.subject_id, job.attempt) == (delivery.message_id, alert.id, 1)
