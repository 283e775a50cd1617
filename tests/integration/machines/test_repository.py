"""The PostgreSQL repository passes the common suite."""

from collections.abc import AsyncIterator

import pytest

from services.machines.repository import PostgresUnits
from shared.clock import SystemClock, time_ordered_id
from shared.postgres.connection import Database
from tests.support.installation import TestDatabase
from tests.unit.machines.repository_suite import RepositorySuite


@pytest.fixture(scope="module")
async def pool(database: TestDatabase) -> AsyncIterator[Database]:
    async with Database(database.dsn("machines"), service="machines", pool_size=2) as opened:
        yield opened


class TestPostgres(RepositorySuite):
    @pytest.fixture
    def units(self, pool: Database) -> PostgresUnits:
        return PostgresUnits(pool, SystemClock(), time_ordered_id)
