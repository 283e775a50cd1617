"""Monitoring results on a server with TimescaleDB: a hypertable whose old months compress by themselves."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest

from dinsight.provision.migrations import upgrade
from shared.postgres.connection import Connection
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.support.waiting import eventually

OWNER = "dinsight_analysis_owner"
POLICY = """
SELECT job_id, owner::text AS owner FROM timescaledb_information.jobs
WHERE hypertable_schema = 'analysis' AND hypertable_name = 'monitor_data'
"""
# The scheduler notices the new time by itself and starts a worker, which runs as the table's owner.
START_NOW = "SELECT alter_job($1, next_start => now())"
CHUNKS = """
SELECT is_compressed FROM timescaledb_information.chunks
WHERE hypertable_schema = 'analysis' AND hypertable_name = 'monitor_data' ORDER BY range_start
"""
ADD_RESULT = """
INSERT INTO analysis.monitor_data (organization_id, dinsight_id, process_order, samples, monitor_values,
                                   x_values, y_values, created_at)
VALUES ($1, $2, 0, 3, $3, '{0,0,0}', '{0,0,0}', $4)
"""
READ_RESULTS = "SELECT monitor_values FROM monitor_series ORDER BY created_at"
OLD = datetime.now(UTC) - timedelta(days=400)


@dataclass(frozen=True)
class Installed:
    database: TestDatabase
    admin: Connection


@pytest.fixture(scope="module")
async def installed(postgres_admin_dsn: str) -> AsyncIterator[Installed]:
    database = await create_database(postgres_admin_dsn)
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        if not await admin.fetchval("SELECT true FROM pg_extension WHERE extname = 'timescaledb'"):
            pytest.skip("this server has no TimescaleDB")
        await asyncio.to_thread(upgrade, "analysis", database.admin_dsn)
        # Results need not belong to a map that is there.
        await admin.execute("SET session_replication_role = replica")
        yield Installed(database, admin)
    finally:
        await admin.close()
        await drop_database(postgres_admin_dsn, database)


async def results_of(installed: Installed, organization: UUID) -> list[list[float]]:
    """What the service sees in a transaction of the organization."""
    connection = await asyncpg.connect(installed.database.dsn("analysis"))
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.organization_id', $1, true)", str(organization))
            return [row["monitor_values"] for row in await connection.fetch(READ_RESULTS)]
    finally:
        await connection.close()


async def test_old_months_are_compressed_by_a_worker_and_read_as_before(installed: Installed) -> None:
    admin, mine, theirs = installed.admin, uuid4(), uuid4()
    await admin.execute(ADD_RESULT, mine, uuid4(), [1, 2, 3], OLD)
    await admin.execute(ADD_RESULT, theirs, uuid4(), [7, 8, 9], OLD)
    await admin.execute(ADD_RESULT, mine, uuid4(), [4, 5, 6], datetime.now(UTC))
    [policy] = await admin.fetch(POLICY)
    assert policy["owner"] == OWNER
    await admin.execute(START_NOW, policy["job_id"])

    async def compressed() -> bool:
        return [row["is_compressed"] for row in await admin.fetch(CHUNKS)] == [True, False]

    await eventually(compressed, seconds=60, what="the compression of the old month")
    assert await results_of(installed, mine) == [[1, 2, 3], [4, 5, 6]]
    assert await results_of(installed, theirs) == [[7, 8, 9]]


async def test_nobody_logs_in_as_the_owner(installed: Installed) -> None:
    """TimescaleDB demands LOGIN; a limit of no connections keeps out who knows the password, too."""
    parts = urlsplit(installed.database.admin_dsn)
    dsn = urlunsplit(parts._replace(netloc=f"{OWNER}:known@{parts.netloc.rpartition('@')[2]}"))
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(dsn)
    await installed.admin.execute(f"ALTER ROLE {OWNER} PASSWORD 'known'")
    try:
        with pytest.raises(asyncpg.TooManyConnectionsError):
            await asyncpg.connect(dsn)
    finally:
        await installed.admin.execute(f"ALTER ROLE {OWNER} PASSWORD NULL")
