"""The migrations: phases in order, safe to run again and at once; extensions and partitions."""

import asyncio
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime

import asyncpg
import pytest
from alembic.script import ScriptDirectory

from dinsight.installation import SERVICES
from dinsight.provision.databases import NEEDED_EXTENSIONS, WELCOME_EXTENSIONS
from dinsight.provision.migrations import configuration
from shared.postgres.connection import Connection
from tests.integration.schema import page
from tests.integration.schema.catalog import SLICES, Table, read_installation
from tests.support.installation import PASSWORD, TestDatabase, create_database, drop_database

PARTITIONED_BY_MONTH = {
    "analysis.anomalies": "timestamp",
    "analysis.monitor_data": "created_at",
    "auth.audit_logs": "created_at",
}
PARTITIONS = """
SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = $1::text::regclass
"""
# Which of the specification's phases each service takes part in.
PHASES = {"auth": [1, 4], "machines": [2], "analysis": [2, 3, 4], "alerting": [3]}


def revisions(service: str) -> list[tuple[str, str]]:
    """The service's revisions from the first to the last, with the first line of their descriptions."""
    scripts = ScriptDirectory.from_config(configuration(service, ""))
    assert len(scripts.get_heads()) == 1
    ordered = list(scripts.walk_revisions())[::-1]
    return [(script.revision, (script.module.__doc__ or "").splitlines()[0]) for script in ordered]


def test_the_revisions_are_listed_in_order() -> None:
    listed = page.rows(page.section("Migrations"))
    expected = [revision for service in SERVICES for revision in revisions(service)]
    assert list(listed.items()) == expected


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_goes_through_its_phases_in_order(service: str) -> None:
    described = [description for _, description in revisions(service)]
    phases = [int(line.split()[1].rstrip(",")) for line in described if line.startswith("Phase ")]
    assert phases == PHASES[service]


async def test_concurrent_and_repeated_provisioning_creates_one_schema(
    postgres_admin_dsn: str, installed: Mapping[str, Table]
) -> None:
    """The command that `dinsight up` and the Compose file run, twice at once, then again."""
    created = await create_database(postgres_admin_dsn)
    try:
        first, second = await asyncio.gather(migrate(created), migrate(created))
        assert (first, second) == (0, 0)
        assert await migrate(created) == 0
        connection = await asyncpg.connect(created.admin_dsn)
        try:
            assert await read_installation(connection) == installed
            for service in SERVICES:
                versions = await connection.fetch(f"SELECT version_num FROM {service}.alembic_version")
                assert [row[0] for row in versions] == [revisions(service)[-1][0]]
        finally:
            await connection.close()
    finally:
        await drop_database(postgres_admin_dsn, created)


async def migrate(database: TestDatabase) -> int:
    logins = {f"DINSIGHT_{s.upper()}_DATABASE_URL": database.dsn(s) for s in SERVICES}
    assert all(f":{PASSWORD}@" in dsn for dsn in logins.values())
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "dinsight", "provision", "databases"),
        env={**os.environ, **logins, "DINSIGHT_DATABASE_URL": database.admin_dsn},
    )
    return await process.wait()


async def test_extensions_are_created_where_the_server_has_them(
    admin: Connection,
) -> None:
    available = {row[0] for row in await admin.fetch("SELECT name FROM pg_available_extensions")}
    created = {row[0] for row in await admin.fetch("SELECT extname FROM pg_extension")}
    assert set(NEEDED_EXTENSIONS) <= created
    # The server has TimescaleDB only where it preloads it too.
    preloaded = await admin.fetchval("SELECT current_setting('shared_preload_libraries')")
    usable = {name for name in WELCOME_EXTENSIONS if name != "timescaledb" or name in preloaded}
    assert usable & available <= created


@pytest.mark.parametrize(("table", "key"), PARTITIONED_BY_MONTH.items())
async def test_partitions_by_month_and_nothing_else(admin: Connection, table: str, key: str) -> None:
    await admin.execute("SET search_path = public; SET TimeZone = 'UTC'")
    if await admin.fetchval("SELECT relkind = 'r' FROM pg_class WHERE oid = $1::text::regclass", table):
        assert table == "analysis.monitor_data"
        pytest.skip("TimescaleDB partitions it")
    partition_key = await admin.fetchval("SELECT pg_get_partkeydef($1::text::regclass)", table)
    assert partition_key.replace('"', "") == f"RANGE ({key})"
    bounds = {row["name"]: row["bound"] for row in await admin.fetch(PARTITIONS, table)}
    now = datetime.now(UTC)
    this_month = f"{table.split('.')[1]}_{now:%Y_%m}"
    assert bounds[this_month].startswith(f"FOR VALUES FROM ('{now:%Y-%m}-01 00:00:00+00') TO (")
    assert len(bounds) >= 2
    assert all(bound.count("-01 00:00:00+00'") == 2 for bound in bounds.values())


def test_every_slice_belongs_to_a_service() -> None:
    assert set(SLICES.values()) == set(SERVICES)
