"""Monitoring results on a server with TimescaleDB: a hypertable that compresses and counts by itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import asyncpg
import pytest
from alembic import command

from dinsight.provision.migrations import configuration, upgrade
from shared.postgres.connection import Connection
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.support.waiting import eventually

OWNER = "dinsight_analysis_owner"
# The hypertable's policy, and that of the continuous aggregate on it.
COMPRESSION = """
SELECT job_id, owner::text AS owner FROM timescaledb_information.jobs
WHERE hypertable_schema = 'analysis' AND hypertable_name = 'monitor_data'
"""
REFRESH = """
SELECT job_id, owner::text AS owner FROM timescaledb_information.jobs
WHERE proc_name = 'policy_refresh_continuous_aggregate'
"""
RUNNING = "SELECT job_status = 'Running' FROM timescaledb_information.job_stats WHERE job_id = $1"
FAILURES = "SELECT coalesce(sum(total_failures), 0) FROM timescaledb_information.job_stats WHERE job_id = $1"
# The scheduler notices the new time by itself and starts a worker, which runs as the table's owner.
START_NOW = "SELECT alter_job($1, next_start => now())"
CHUNKS = """
SELECT is_compressed FROM timescaledb_information.chunks
WHERE hypertable_schema = 'analysis' AND hypertable_name = 'monitor_data' ORDER BY range_start
"""
ADD_RESULT = """
INSERT INTO analysis.monitor_data (organization_id, dinsight_id, analysis_id, process_order, samples,
                                   monitor_values, anomaly_values, x_values, y_values, created_at)
VALUES ($1, $2, $3, 0, 3, $4, '{true,false,true}', '{0,0,0}', '{0,0,0}', $5)
"""
READ_RESULTS = "SELECT monitor_values FROM monitor_series ORDER BY created_at"
MATERIALIZED = """
SELECT format('%I.%I', materialization_hypertable_schema, materialization_hypertable_name)
FROM timescaledb_information.continuous_aggregates
WHERE view_schema = 'analysis' AND view_name = 'monitor_daily_all'
"""
# Chunks, what they are compressed to, and what a continuous aggregate consists of.
HIDDEN = """
SELECT format('%I.%I', n.nspname, c.relname) AS place,
       has_table_privilege('dinsight_analysis', c.oid, 'SELECT, INSERT, UPDATE, DELETE') AS open
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = '_timescaledb_internal' AND c.relkind IN ('r', 'p', 'v', 'm')
  AND c.relowner = $1::text::regrole
"""
PLACES = """
SELECT 'analysis.monitor_data' UNION ALL SELECT 'analysis.monitor_daily_all'
UNION ALL SELECT show_chunks('analysis.monitor_data')::text
"""
SETTINGS = """
SELECT segmentby, orderby FROM timescaledb_information.hypertable_columnstore_settings
WHERE hypertable = 'analysis.monitor_data'::regclass
"""
DAILY = "SELECT analysis_id::text, samples, anomalies, highest_distance FROM monitor_daily"
ADD_MACHINE = """
INSERT INTO analysis.machine_refs (id, organization_id, name, status, version, changed_at)
VALUES ($1, $2, 'Pump', 'active', 1, now())
"""
ADD_UPLOAD = """
INSERT INTO analysis.file_uploads (id, organization_id, original_filename, file_size)
VALUES ($1, $2, 'old.csv', 1)
"""
ADD_CONFIG = "INSERT INTO analysis.config_data (organization_id) VALUES ($1) ON CONFLICT DO NOTHING"
ADD_MAP = """
INSERT INTO analysis.dinsight_data (id, organization_id, file_upload_id, config_id, x_values, y_values)
SELECT $1, $2, $3, id, '{0}', '{0}' FROM analysis.config_data WHERE organization_id = $2
"""
ADD_ANALYSIS = """
INSERT INTO analysis.analyses (id, organization_id, machine_id, file_upload_id, dinsight_id, analysis_type,
                               status, created_by, created_at)
VALUES ($1, $2, $3, $4, $5, 'monitoring', 'completed', $1, $6)
"""
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


async def run(installed: Installed, organization: UUID, at: datetime) -> UUID:
    """A completed run of three samples, two of them anomalies, with everything that it refers to."""
    machine, upload, dinsight, analysis = (uuid4() for _ in range(4))
    for statement, *values in (
        (ADD_MACHINE, machine, organization),
        (ADD_UPLOAD, upload, organization),
        (ADD_CONFIG, organization),
        (ADD_MAP, dinsight, organization, upload),
        (ADD_ANALYSIS, analysis, organization, machine, upload, dinsight, at),
    ):
        await installed.admin.execute(statement, *values)
    await installed.admin.execute(ADD_RESULT, organization, dinsight, analysis, [1, 2, 3], at)
    return analysis


async def daily(installed: Installed, organization: UUID) -> set[tuple[str, int, int, float]]:
    """What the service sees of `monitor_daily` in a transaction of the organization."""
    connection = await asyncpg.connect(installed.database.dsn("analysis"))
    try:
        async with connection.transaction():
            await connection.execute("SELECT set_config('app.organization_id', $1, true)", str(organization))
            return {tuple(row) for row in await connection.fetch(DAILY)}
    finally:
        await connection.close()


async def add(installed: Installed, organization: UUID, values: list[float], at: datetime) -> UUID:
    analysis = uuid4()
    await installed.admin.execute(ADD_RESULT, organization, uuid4(), analysis, values, at)
    return analysis


async def by_policy(
    installed: Installed, policy: str, done: Callable[[], Awaitable[bool]], what: str
) -> None:
    """Start a policy's job until it has done something; none of its runs may fail."""
    [job] = await installed.admin.fetch(policy)
    assert job["owner"] == OWNER

    async def there() -> bool:
        if await done():
            return True
        # One that runs has perhaps begun too early, and chooses the time of the next run when it ends.
        if await installed.admin.fetchval(RUNNING, job["job_id"]) is not True:
            await installed.admin.execute(START_NOW, job["job_id"])
        return False

    await eventually(there, seconds=60, what=what)
    assert await installed.admin.fetchval(FAILURES, job["job_id"]) == 0


async def compressed_by_policy(installed: Installed, expected: list[bool]) -> None:
    async def done() -> bool:
        return [row["is_compressed"] for row in await installed.admin.fetch(CHUNKS)] == expected

    await by_policy(installed, COMPRESSION, done, "the compression of the old month")


async def test_old_months_are_compressed_by_a_worker_and_read_as_before(installed: Installed) -> None:
    mine, theirs = uuid4(), uuid4()
    await add(installed, mine, [1, 2, 3], OLD)
    await add(installed, theirs, [7, 8, 9], OLD)
    await add(installed, mine, [4, 5, 6], datetime.now(UTC))
    await compressed_by_policy(installed, [True, False])
    assert await results_of(installed, mine) == [[1, 2, 3], [4, 5, 6]]
    assert await results_of(installed, theirs) == [[7, 8, 9]]


async def test_a_runs_chunks_are_compressed_together(installed: Installed) -> None:
    settings = await installed.admin.fetchrow(SETTINGS)
    assert settings is not None
    assert settings["segmentby"] == "organization_id,dinsight_id"
    assert settings["orderby"].startswith("analysis_id,process_order")


async def test_counts_are_right_also_of_a_run_deleted_in_a_compressed_chunk(installed: Installed) -> None:
    """Rows of today are counted at once, older ones when a worker has materialized them."""
    mine = uuid4()
    admin = await asyncpg.connect(installed.database.admin_dsn)
    origin = Installed(installed.database, admin)
    try:
        old, new = await run(origin, mine, OLD), await run(origin, mine, datetime.now(UTC))
        one_of = {run_: (str(run_), 3, 2, 3.0) for run_ in (old, new)}
        assert one_of[new] in await daily(origin, mine)

        async def materialized(analysis: UUID) -> int:
            [place] = await admin.fetchrow(MATERIALIZED) or [None]
            count = f"SELECT count(*) FROM {place} WHERE organization_id = $1 AND analysis_id = $2"
            return int(await admin.fetchval(count, mine, analysis))

        async def counted() -> bool:
            return await materialized(old) == 1

        await by_policy(origin, REFRESH, counted, "the materialization of the old run")
        assert await daily(origin, mine) == set(one_of.values())
        assert await daily(origin, uuid4()) == set()
        await compressed_by_policy(origin, [True, False])
        await admin.execute("DELETE FROM analysis.analyses WHERE id = $1", old)
        assert await daily(origin, mine) == {one_of[new]}, "at once, whatever is materialized"

        async def gone() -> bool:
            return await materialized(old) == 0

        await by_policy(origin, REFRESH, gone, "the materialization without the deleted run")
        assert await daily(origin, mine) == {one_of[new]}
    finally:
        await admin.close()


async def test_the_service_reaches_results_through_its_views_alone(installed: Installed) -> None:
    """Chunks, compressed chunks and the materialized counts have no row-level security."""
    await add(installed, uuid4(), [1, 2, 3], OLD)
    hidden = await installed.admin.fetch(HIDDEN, OWNER)
    assert len(hidden) >= 3
    assert [row["place"] for row in hidden if row["open"]] == []
    places = [row[0] for row in await installed.admin.fetch(PLACES)]
    assert len(places) >= 3
    connection = await asyncpg.connect(installed.database.dsn("analysis"))
    try:
        for place in places:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(f"SELECT * FROM {place}")
    finally:
        await connection.close()


@pytest.mark.usefixtures("installed")
async def test_chunks_compressed_by_the_first_version_are_kept(postgres_admin_dsn: str) -> None:
    """The columnstore's new order is that of chunks compressed from then on."""
    database = await create_database(postgres_admin_dsn)
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        await asyncio.to_thread(
            command.upgrade, configuration("analysis", database.admin_dsn), "analysis_0008"
        )
        await admin.execute("SET session_replication_role = replica")
        old = Installed(database, admin)
        mine = uuid4()
        await add(old, mine, [1, 2, 3], OLD)
        await admin.execute("SELECT compress_chunk(c) FROM show_chunks('analysis.monitor_data') c")
        await asyncio.to_thread(upgrade, "analysis", database.admin_dsn)
        await add(old, mine, [4, 5, 6], OLD + timedelta(seconds=1))
        assert await results_of(old, mine) == [[1, 2, 3], [4, 5, 6]]
    finally:
        await admin.close()
        await drop_database(postgres_admin_dsn, database)


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
