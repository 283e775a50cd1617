"""Rows of the default partitions move to their months while the previous version reads and writes them."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from dinsight.installation import CommandError
from dinsight.provision.migrations import upgrade
from shared.jobs.retry import RetryPolicy
from shared.postgres.partitions import partitions
from tests.integration.schema.previous_version import (
    ADD_ANOMALY,
    NOW,
    ROWS,
    PreviousVersion,
    add_run,
    connect,
    installed_before,
)
from tests.support.installation import TestDatabase
from tests.support.waiting import eventually

FAILS_AFTER = 300
SOON = RetryPolicy(2, first_delay=timedelta(seconds=0.1), max_delay=timedelta(seconds=0.1))
CHECKSUM = """
SELECT count(*), count(DISTINCT id), sum(hashtext(id::text)::bigint), sum(sample_index) FROM anomalies
"""


@pytest.fixture
async def analysis(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    async with installed_before(postgres_admin_dsn, "analysis") as created:
        yield created


async def test_anomalies_move_to_their_months_under_traffic(analysis: TestDatabase) -> None:
    admin = await connect(analysis)
    run = await add_run(admin)
    assert await admin.fetchval("SELECT count(*) FROM anomalies_default") == ROWS
    previous = PreviousVersion(analysis, run)
    async with asyncio.timeout(FAILS_AFTER):
        working = asyncio.create_task(previous.work())
        await eventually(lambda: asyncio.sleep(0, previous.reads > 3), what="traffic")
        await asyncio.to_thread(upgrade, "analysis", analysis.admin_dsn)
        reads = previous.reads
        await eventually(lambda: asyncio.sleep(0, previous.reads > reads + 3), what="traffic after it")
        previous.stop()
        await working
    found_rows = await admin.fetchrow(CHECKSUM)
    assert found_rows is not None
    assert found_rows[0] == found_rows[1] == ROWS + previous.added - previous.deleted
    assert previous.deleted > 0
    acknowledged = "SELECT count(*) FROM anomalies WHERE acknowledged AND acknowledged_by = id"
    assert await admin.fetchval(acknowledged) == previous.acknowledged
    found = await partitions(admin, "analysis.anomalies")
    assert await admin.fetchval("SELECT to_regclass('anomalies_default')") is None
    assert {"anomalies_2004_01", "anomalies_2010_05", f"anomalies_{NOW:%Y_%m}"} <= {p.name for p in found}
    misplaced = [p for p in found if p.lower is None or p.upper is None or (p.upper - p.lower).days > 31]
    assert misplaced == []
    left = "SELECT relname FROM pg_class WHERE relname ~ '^anomalies_(moving|changed)$'"
    assert await admin.fetch(left) == []
    await admin.close()


@pytest.mark.parametrize("dies_at", ["anomalies_copy(", "DETACH PARTITION anomalies_default"])
async def test_a_migration_that_dies_continues(analysis: TestDatabase, dies_at: str) -> None:
    admin = await connect(analysis)
    await add_run(admin, 20_000)
    before = await admin.fetchrow(CHECKSUM)

    async def killed() -> bool:
        return bool(
            await admin.fetchval(
                "SELECT bool_or(pg_terminate_backend(pid)) FROM pg_stat_activity"
                " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                " AND position($1 IN query) > 0",
                dies_at,
            )
        )

    async with asyncio.timeout(FAILS_AFTER):
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-c", "import sys; from dinsight.provision.migrations import upgrade; upgrade(*sys.argv[1:])"),
            *("analysis", analysis.admin_dsn),
            env=dict(os.environ),
            stderr=asyncio.subprocess.DEVNULL,
        )
        await eventually(killed, every=0.001, seconds=FAILS_AFTER, what="the step to die at")
        assert await process.wait() != 0
        # Each row is seen once, whatever has happened.
        assert await admin.fetchrow(CHECKSUM) == before
        await asyncio.to_thread(upgrade, "analysis", analysis.admin_dsn)
    assert await admin.fetchrow(CHECKSUM) == before
    assert await admin.fetchval("SELECT to_regclass('anomalies_default')") is None
    await admin.close()


async def test_times_that_cannot_be_are_told_and_kept(analysis: TestDatabase) -> None:
    admin = await connect(analysis)
    run = await add_run(admin, 10)
    uploaded = NOW - timedelta(days=3)
    stated = {
        datetime(1, 1, 1, tzinfo=UTC): "0001-01-01T00:00:00+00:00",
        datetime(1899, 12, 31, 12, tzinfo=UTC): "1899-12-31T12:00:00.000000+00:00",
        datetime(2101, 2, 3, tzinfo=UTC): "2101-02-03T00:00:00.000000+00:00",
        datetime.max.replace(tzinfo=UTC): "9999-12-31T23:59:59.999999+00:00",
    }
    ids = {uuid4(): time for time in stated}
    for number, (identifier, time) in enumerate(ids.items()):
        await admin.execute(ADD_ANOMALY, identifier, run, time, uploaded, number)
    await asyncio.to_thread(upgrade, "analysis", analysis.admin_dsn)
    for number, (identifier, time) in enumerate(ids.items()):
        row = await admin.fetchrow(
            'SELECT "timestamp", stated_time, tableoid::regclass::text FROM anomalies WHERE id = $1',
            identifier,
        )
        at = uploaded + timedelta(microseconds=number)
        assert row is not None
        assert tuple(row) == (at, stated[time], f"anomalies_{at:%Y_%m}")
    assert await admin.fetchval("SELECT count(*) FROM anomalies WHERE stated_time IS NULL") == 10
    await admin.close()


async def test_monitoring_results_are_there_before_and_after(analysis: TestDatabase) -> None:
    admin = await connect(analysis)
    if await admin.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'timescaledb'"):
        pytest.skip("it is a hypertable")
    run = await add_run(admin, 10)
    config = await admin.fetchval("INSERT INTO config_data (organization_id) VALUES ($1) RETURNING id", run)
    await admin.execute(
        "INSERT INTO dinsight_data (id, file_upload_id, config_id, x_values, y_values, organization_id)"
        " VALUES ($1, $1, $2, '{0}', '{0}', $1)",
        run,
        config,
    )
    add = """
        INSERT INTO monitor_series (dinsight_id, analysis_id, organization_id, process_order, samples,
                                    monitor_values, x_values, y_values, created_at)
        VALUES ($1, $1, $1, $2, 1, '{1}', '{1}', '{1}', $3)"""
    service = await asyncpg.connect(analysis.dsn("analysis"))
    await service.execute("SELECT set_config('app.organization_id', $1, false)", str(run))
    for number in range(30):
        await service.execute(add, run, number, NOW - timedelta(days=40 * number))
    read = "SELECT process_order, created_at, monitor_values FROM monitor_series ORDER BY process_order"
    before = await service.fetch(read)
    await asyncio.to_thread(upgrade, "analysis", analysis.admin_dsn)
    # The previous version's connection goes on, with statements that it has prepared.
    assert await service.fetch(read) == before
    await service.execute(add, run, 100, NOW)
    assert len(await service.fetch(read)) == 31
    found = {p.name: p for p in await partitions(admin, "analysis.monitor_data")}
    assert found["monitor_data_first"].lower is None
    assert len(found) >= 2
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await service.fetch("SELECT * FROM monitor_data_first")
    with pytest.raises(asyncpg.ForeignKeyViolationError):
        await service.execute(add.replace("($1, $1,", "(gen_random_uuid(), $1,"), run, 101, NOW)
    await service.close()
    await admin.close()


async def test_an_installation_without_rows_gets_plain_months(analysis: TestDatabase) -> None:
    await asyncio.to_thread(upgrade, "analysis", analysis.admin_dsn)
    admin = await connect(analysis)
    for table in ("anomalies", "monitor_data"):
        found = await partitions(admin, f"analysis.{table}")
        assert all(p.lower is not None and p.upper is not None for p in found), found
    await admin.close()


async def test_who_is_in_the_way_of_a_migration_is_told(analysis: TestDatabase) -> None:
    """And nobody waits behind the migration for longer than it waits itself."""
    admin, reader = await connect(analysis), await connect(analysis)
    run = await add_run(admin, 10)
    async with asyncio.timeout(FAILS_AFTER):
        async with reader.transaction(isolation="repeatable_read", readonly=True):
            await reader.execute("SET application_name = 'a long dump'")
            await reader.fetch("SELECT count(*) FROM anomalies")
            migrating = asyncio.create_task(
                asyncio.to_thread(upgrade, "analysis", analysis.admin_dsn, retry=SOON)
            )
            while not migrating.done():
                await admin.fetch("SELECT count(*) FROM anomalies")
                await admin.execute(ADD_ANOMALY, None, run, NOW, NOW, 1)
                await asyncio.sleep(0.01)
            pid = reader.get_server_pid()
            with pytest.raises(CommandError, match=f"process {pid} .a long dump of"):
                await migrating
        await asyncio.to_thread(upgrade, "analysis", analysis.admin_dsn)
    await admin.close()
    await reader.close()


async def test_audit_entries_move_to_their_months(postgres_admin_dsn: str) -> None:
    async with installed_before(postgres_admin_dsn, "auth") as created:
        admin = await connect(created, "auth")
        await admin.execute(
            "INSERT INTO audit_logs (action, created_at)"
            " SELECT 'tested', timestamptz '2015-01-01 00:00Z' + step * interval '3 hours'"
            " FROM generate_series(1, 20000) step"
        )
        odd = await admin.fetchval(
            "INSERT INTO audit_logs (action, created_at) VALUES ('odd', '2300-01-01 00:00Z') RETURNING id"
        )
        service = await asyncpg.connect(created.dsn("auth"))
        await service.fetchval("SELECT ensure_audit_log_partitions(3)")
        await asyncio.to_thread(upgrade, "auth", created.admin_dsn)
        # The previous version still asks.
        assert await service.fetchval("SELECT ensure_audit_log_partitions(3)") == 0
        await service.close()
        found = {p.name for p in await partitions(admin, "auth.audit_logs")}
        assert {"audit_logs_2015_01", "audit_logs_2018_03", f"audit_logs_{NOW:%Y_%m}"} <= found
        assert await admin.fetchval("SELECT count(*) FROM audit_logs WHERE action = 'tested'") == 20000
        entry = await admin.fetchrow("SELECT created_at, changes FROM audit_logs WHERE id = $1", odd)
        assert entry is not None
        assert entry["created_at"] >= NOW
        assert "2300-01-01" in entry["changes"]
        assert await admin.fetchval("SELECT to_regclass('audit_logs_default')") is None
        await admin.close()
