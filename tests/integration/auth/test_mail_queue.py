"""The mail queue in PostgreSQL: nothing is lost when its workers are killed, nor when the schema changes."""

import asyncio
import email
import email.policy
from collections import Counter
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import asyncpg
import pytest
from aiosmtpd.smtp import SMTP, Envelope, Session
from alembic import command

from dinsight.provision.migrations import configuration, upgrade
from services.auth.mail.domain import QUEUE, MailStatus
from services.auth.mail.messages import MessageWriter
from services.auth.recovery.domain import RESET_JOB
from shared.access import Scope
from shared.clock import SystemClock, time_ordered_id
from shared.crypto import Encryptor
from shared.jobs.postgres import PostgresQueue
from shared.postgres.connection import Database
from tests.integration.auth.mail_worker import KEYS, LEASE
from tests.integration.auth.smtp_server import HOST, Handler, mail_server
from tests.integration.auth.units import units_of
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.support.killable import KillableWorker
from tests.support.waiting import eventually
from tests.unit.auth.database.examples import a_user

WORKER = "tests.integration.auth.mail_worker"
MESSAGES = 40
KILLS = 8


@pytest.fixture
async def own_database(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    created = await create_database(postgres_admin_dsn)
    await asyncio.to_thread(upgrade, "auth", created.admin_dsn)
    yield created
    await drop_database(postgres_admin_dsn, created)


class KillingHandler(Handler):
    """Kills the worker at every third message, alternately before and after accepting it."""

    workers: KillableWorker

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        turn = len(self.received)
        if turn % 3 == 0 and self.workers.killed < KILLS:
            if self.workers.killed % 2:
                self.received.append(envelope)
            self.workers.kill()
            return "451 killed"
        return await super().handle_DATA(server, session, envelope)


async def test_no_message_is_lost_and_none_gets_a_second_id_when_workers_are_killed(
    own_database: TestDatabase,
) -> None:
    handler = KillingHandler()
    async with (
        Database(own_database.dsn("auth"), service="auth", pool_size=2) as database,
        mail_server(handler=handler) as server,
    ):
        units = units_of(database)
        writer = MessageWriter(SystemClock(), time_ordered_id, Encryptor(KEYS), "http://dinsight.example")
        async with units(Scope()) as unit:
            for _ in range(MESSAGES):
                await writer.password_changed(unit, a_user())
        handler.workers = KillableWorker(
            WORKER, own_database.dsn("auth"), f"smtp://{HOST}:{server.port}?starttls=false"
        )
        running = asyncio.create_task(handler.workers.run())
        try:
            queue = PostgresQueue(database, service="auth")

            async def done() -> bool:
                depth = await queue.depth(QUEUE)
                return (depth.waiting, depth.running) == (0, 0)

            await eventually(done, seconds=240, what="an empty queue")
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await handler.workers.stop()
        stored = await statuses(own_database)
    assert handler.workers.killed == KILLS
    assert Counter(stored.values()) == {MailStatus.SENT: MESSAGES}
    received = Counter(message_id(envelope) for envelope in handler.received)
    assert received.keys() == stored.keys()
    # Only messages that a killed worker was sending may arrive twice: up to four per kill.
    assert received.total() - MESSAGES <= 4 * KILLS


def message_id(envelope: Envelope) -> UUID:
    assert isinstance(envelope.content, bytes)
    message = email.message_from_bytes(envelope.content, policy=email.policy.default)
    return UUID(str(message["Message-ID"]).strip("<>").partition("@")[0])


async def statuses(database: TestDatabase) -> dict[UUID, str]:
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        return {
            row["id"]: row["status"] for row in await connection.fetch("SELECT id, status FROM auth.mail")
        }
    finally:
        await connection.close()


async def test_the_migration_moves_waiting_mail_and_requests_into_the_queue(postgres_admin_dsn: str) -> None:
    created = await create_database(postgres_admin_dsn)
    try:
        config = configuration("auth", created.admin_dsn)
        await asyncio.to_thread(command.upgrade, config, "auth_0006")
        waiting, leased, sent, request = (uuid4() for _ in range(4))
        connection = await asyncpg.connect(created.admin_dsn)
        try:
            insert = (
                "INSERT INTO auth.mail (id, kind, sealed, status, attempts, next_attempt_at, expires_at,"
                " lease_id, leased_until, created_at) VALUES ($1, 'reset', 'sealed', $2, $3, now(),"
                " now() + interval '1 hour', $4, now() + $5 * interval '1 minute', now())"
            )
            await connection.execute(insert, waiting, "waiting", 3, None, None)
            await connection.execute(insert, leased, "waiting", 0, uuid4(), 5)
            await connection.execute(insert, sent, "sent", 1, None, None)
            await connection.execute(
                "INSERT INTO auth.reset_requests (id, email, requested_at)"
                " VALUES ($1, 'ada@example.org', now())",
                request,
            )
        finally:
            await connection.close()
        await asyncio.to_thread(command.upgrade, config, "head")
        async with Database(created.dsn("auth"), service="auth", pool_size=1) as database:
            jobs = await PostgresQueue(database, service="auth").claim(QUEUE, 10, lease=LEASE)
            claimed = {job.subject_id: job for job in jobs}
            assert claimed.keys() == {waiting, leased, request}
            assert (claimed[waiting].attempt, claimed[leased].attempt) == (4, 1)
            assert claimed[request].kind == RESET_JOB
            async with units_of(database)(Scope()) as unit:
                assert await unit.mail.waiting(leased) is not None
                assert await unit.reset_requests.take(request) is not None
    finally:
        await drop_database(postgres_admin_dsn, created)
