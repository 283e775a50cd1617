"""Endless loops survive a database that has become a read-only standby, and continue afterwards."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import uuid4

import asyncpg
import pytest
from structlog.testing import capture_logs

from shared.access import Scope
from shared.jobs.janitor import Janitor
from shared.jobs.loop import Loop
from shared.jobs.postgres import PostgresQueue
from shared.jobs.queue import Job, Lease, NewJob
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from shared.kafka.connection import KafkaConnection
from shared.kafka.relay import Relay
from shared.postgres.connection import TRANSIENT_DATABASE_ERRORS, Database
from shared.process import background
from shared.settings import InstallationSettings
from tests.support.installation import TestDatabase
from tests.support.signing import signer
from tests.support.waiting import eventually

SERVICE = "analysis"
RETRY = RetryPolicy(3, first_delay=timedelta(), max_delay=timedelta())


@pytest.fixture(scope="module")
async def pool(database: TestDatabase) -> AsyncIterator[Database]:
    async with Database(database.dsn(SERVICE), service=SERVICE, pool_size=8) as opened:
        yield opened


class Handler:
    def __init__(self, database: Database, queue: PostgresQueue) -> None:
        self._database = database
        self._queue = queue
        self.done = asyncio.Event()

    async def run(self, job: Job, lease: Lease) -> None:
        async with self._database.transaction(Scope(organization_id=job.organization_id)) as connection:
            await self._queue.jobs(connection).complete(job)
        self.done.set()

    async def put_back(self, job: Job, after: timedelta, *, counted: bool) -> None:
        await self._queue.retry(job, after, counted=counted)

    async def give_up(self, job: Job, error: Exception | None) -> None:
        raise AssertionError("a job was given up because the database was read-only")


@asynccontextmanager
async def standby(database: TestDatabase) -> AsyncIterator[None]:
    """Make the database of the service a read-only standby during the block."""
    admin = await asyncpg.connect(database.admin_dsn)
    role = f"dinsight_{SERVICE}"
    name = await admin.fetchval("SELECT quote_ident(current_database())")
    end = """
        SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE usename = $1 AND datname = current_database()"""
    try:
        await admin.execute(f"ALTER ROLE {role} IN DATABASE {name} SET default_transaction_read_only = on")
        await admin.fetch(end, role)
        yield
    finally:
        await admin.execute(f"ALTER ROLE {role} IN DATABASE {name} RESET default_transaction_read_only")
        await admin.fetch(end, role)
        await admin.close()


async def test_relay_worker_and_janitor_outlive_a_read_only_standby(
    database: TestDatabase, pool: Database, installation: InstallationSettings
) -> None:
    queue = PostgresQueue(pool, service=SERVICE)
    handler = Handler(pool, queue)
    name = f"queue-{uuid4().hex[:12]}"
    pace = Pace(timedelta(seconds=30), heartbeat_seconds=0.1, poll_seconds=0.05)
    worker = Worker(queue, name, {"work": handler}, [Lane(1)], pace, RETRY)
    kafka = KafkaConnection(installation, client_id="loops")
    relay = Relay(pool, kafka, signer("auth"), service=SERVICE)
    cleaned = asyncio.Event()

    async def clean() -> None:
        async with pool.transaction(Scope()) as connection:
            await connection.execute("DELETE FROM outbox WHERE false")
        cleaned.set()

    janitor = Janitor("test janitor", {"clean": clean}, every=0.05)
    loops: list[Loop] = [relay.loop, janitor.loop, *worker.loops]
    with capture_logs() as logs:
        async with background(*(loop.run() for loop in loops)):
            await asyncio.wait_for(cleaned.wait(), 60)
            async with standby(database):

                async def failed() -> bool:
                    failures = [line for line in logs if line["event"] == "loop failed, trying again"]
                    refused = {line["loop"] for line in failures if "read-only transaction" in line["error"]}
                    cut_off = {line["loop"] for line in failures}
                    return {janitor.loop.name, f"{name} worker"} <= refused and relay.loop.name in cut_off

                await eventually(failed, what="the logged failure of each loop")
            cleaned.clear()
            organization = uuid4()
            job = NewJob(uuid4(), name, "work", uuid4(), organization)

            async def enqueued() -> bool:
                # A connection in the pool may not know yet that the server has closed it.
                try:
                    async with pool.transaction(Scope(organization_id=organization)) as connection:
                        await queue.jobs(connection).enqueue([job])
                except TRANSIENT_DATABASE_ERRORS:
                    return False
                return True

            await eventually(enqueued)
            await asyncio.wait_for(handler.done.wait(), 60)
            await asyncio.wait_for(cleaned.wait(), 60)
            for loop in loops:
                await loop.check()
    await worker.stop()
