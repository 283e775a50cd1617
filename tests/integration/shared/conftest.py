"""Each table that is partitioned by month, in a database of its own."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest

from dinsight.provision.migrations import upgrade
from shared.postgres.connection import Database
from tests.integration.shared.partitioned import TABLES, Place, add_referenced
from tests.support.installation import TestDatabase, create_database, drop_database


@pytest.fixture(scope="module")
async def partitioned_database(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    created = await create_database(postgres_admin_dsn)
    for service in ("auth", "analysis"):
        await asyncio.to_thread(upgrade, service, created.admin_dsn)
    yield created
    await drop_database(postgres_admin_dsn, created)


@pytest.fixture(params=TABLES)
async def place(partitioned_database: TestDatabase, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    table: str = request.param
    service = table.split(".")[0]
    async with AsyncExitStack() as stack:
        database = Database(partitioned_database.dsn(service), service=service, pool_size=5)
        await stack.enter_async_context(database)
        owner = await asyncpg.connect(partitioned_database.admin_dsn)
        stack.push_async_callback(owner.close)
        if await owner.fetchval("SELECT relkind <> 'p' FROM pg_class WHERE oid = $1::text::regclass", table):
            pytest.skip("a hypertable has chunks, which TimescaleDB makes")
        await owner.execute(f"SET search_path = {service}, public")
        ids = await add_referenced(owner, service)
        await owner.execute(f"SET ROLE dinsight_{service}_owner")
        place = Place(table, partitioned_database, database, owner, ids)
        await place.start_over()
        yield place
