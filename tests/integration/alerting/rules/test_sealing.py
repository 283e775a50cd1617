"""Addresses that an older version stored in plain text are sealed once no older version runs."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import asyncpg
import pytest

from dinsight.provision.migrations import configuration, last_before, pending, upgrade
from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.database.postgres import PostgresUnits
from services.alerting.deliveries.escalation import Step
from services.alerting.deliveries.notifier import Notifier
from services.alerting.replicas.service import ReplicaService
from services.alerting.rules.domain import Actions, Webhook
from services.alerting.rules.sealing import WebhookSealer, secret_purpose
from services.alerting.rules.service import RuleService
from services.alerting.rules.upkeep import SealAddresses
from shared.audit import Auditor
from shared.clock import SystemClock, time_ordered_id
from shared.crypto import Encryptor
from shared.http.kept_answers import AnswerSealer
from shared.postgres.connection import Database
from tests.integration.alerting.deliveries.dispatcher_process import KEYS
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.unit.alerting.database.repository_suite import World
from tests.unit.alerting.examples import SECRET

HOST, PATH = "https://example.org", "/services/canary?key=canary"
EVERYTHING = """
SELECT (SELECT string_agg(r::text, ' ') FROM alerting.alert_rules r)
    || (SELECT string_agg(d::text, ' ') FROM alerting.deliveries d)
    || (SELECT string_agg(encode(coalesce(k.body, ''), 'escape') || k::text, ' ')
        FROM alerting.idempotency_keys k)
"""
ADD_ANSWER = """
INSERT INTO alerting.idempotency_keys (user_id, key, fingerprint, status, headers, body)
VALUES ($1, 'key', 'f', 201, '[]', $2)
"""


@pytest.fixture
async def own_database(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    """As an upgrade leaves it that is not finished: an older version may still run."""
    created = await create_database(postgres_admin_dsn)
    await asyncio.to_thread(upgrade, "alerting", created.admin_dsn)
    connection = await asyncpg.connect(created.admin_dsn)
    before = last_before(configuration("alerting", created.admin_dsn))
    await connection.execute(f"UPDATE alerting.alembic_version SET version_num = '{before}'")
    await connection.execute(
        "CREATE OR REPLACE FUNCTION alerting.seals() RETURNS boolean LANGUAGE sql STABLE AS 'SELECT false'"
    )
    await connection.close()
    yield created
    await drop_database(postgres_admin_dsn, created)


async def test_plain_addresses_are_sealed_when_the_upgrade_is_finished(own_database: TestDatabase) -> None:
    encryptor = Encryptor(KEYS)
    sealer = WebhookSealer(encryptor)
    admin = await asyncpg.connect(own_database.admin_dsn)
    async with Database(own_database.dsn("alerting"), service="alerting", pool_size=2) as database:
        units = PostgresUnits(database, SystemClock(), time_ordered_id)
        clock = SystemClock()
        rules = RuleService(
            clock,
            time_ordered_id,
            Auditor(clock),
            sealer,
            ReplicaService(),
            AlertLifecycle(clock, time_ordered_id, Announcer(Notifier(clock, time_ordered_id))),
        )
        answers, seal = AnswerSealer(database, encryptor), SealAddresses(units, rules)
        world = World(units)
        sealed = encryptor.encrypt(SECRET, purpose=secret_purpose(world.rule.id, "cmms"))
        plain = Actions(
            steps=(Step(channels=("webhook:cmms",)),), webhooks={"cmms": Webhook(HOST + PATH, sealed)}
        )
        world.rule = replace(world.rule, actions=plain)
        await world.store()
        [delivery] = await world.deliveries(1)
        await admin.execute("UPDATE alerting.deliveries SET target = $1", HOST + PATH)
        await admin.execute(ADD_ANSWER, world.rule.created_by, f'{{"url":"{HOST + PATH}"}}'.encode())

        async def upkeep() -> str:
            await seal()
            await units.shorten_targets()
            await answers.seal_all()
            return str(await admin.fetchval(EVERYTHING))

        # An older version that still runs reads plain addresses, so nothing is sealed yet.
        before = await upkeep()
        assert before.count(PATH) == 3
        assert not await admin.fetchval("SELECT alerting.seals()")
        await asyncio.to_thread(upgrade, "alerting", own_database.admin_dsn)
        after = await upkeep()
        assert "canary" not in after
        async with units(world.scope) as unit:
            assert await unit.rules.are_addresses_sealed()
            [outgoing] = await unit.deliveries.pending(delivery.message_id)
            actions = await unit.ledger.actions(world.rule.id)
            [row] = await unit.deliveries.of_alert(delivery.alert_id)
        webhook = actions.webhook(outgoing.channel) if actions else None
        assert webhook is not None
        assert sealer.address(world.rule.id, "cmms", webhook) == HOST + PATH
        assert row.target == HOST
        kept = await admin.fetchrow("SELECT * FROM alerting.idempotency_keys")
        assert kept is not None
        assert PATH.encode() in answers.opened(kept["user_id"], kept["key"], kept["sealed_body"])
    await admin.close()


async def test_an_upgrade_waits_for_the_step_after_the_deployment(own_database: TestDatabase) -> None:
    for service in ("auth", "machines", "analysis"):
        await asyncio.to_thread(upgrade, service, own_database.admin_dsn)
    await asyncio.to_thread(upgrade, "alerting", own_database.admin_dsn, after=False)
    [waiting] = await pending(own_database.admin_dsn)
    await asyncio.to_thread(upgrade, "alerting", own_database.admin_dsn)
    assert await pending(own_database.admin_dsn) == []
    # Without --after, a finished upgrade stays finished.
    await asyncio.to_thread(upgrade, "alerting", own_database.admin_dsn, after=False)
    assert await pending(own_database.admin_dsn) == []
    assert waiting.startswith("alerting_")
