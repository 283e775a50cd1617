"""The repositories on PostgreSQL pass the common suite.

On a database of their own: a running service would send the mail and answer the requests.
"""

import asyncio
from collections.abc import AsyncIterator

import pytest

from dinsight.provision.migrations import upgrade
from services.auth.database.unit import Units
from shared.postgres.connection import Database
from tests.integration.auth.units import units_of
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.unit.auth.database.suite import RepositorySuite


@pytest.fixture(scope="module")
async def own_database(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    created = await create_database(postgres_admin_dsn)
    await asyncio.to_thread(upgrade, "auth", created.admin_dsn)
    yield created
    await drop_database(postgres_admin_dsn, created)


class TestPostgres(RepositorySuite):
    @pytest.fixture
    async def units(self, own_database: TestDatabase) -> AsyncIterator[Units]:
        async with Database(own_database.dsn("auth"), service="auth", pool_size=1) as pool:
            yield units_of(pool)
