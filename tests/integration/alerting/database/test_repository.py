"""The repositories on PostgreSQL pass the suite."""

from collections.abc import AsyncIterator

import pytest

from services.alerting.database.postgres import PostgresUnits
from shared.clock import SystemClock, time_ordered_id
from shared.postgres.connection import Database
from tests.support.installation import TestDatabase
from tests.unit.alerting.database.life_suite import LifeSuite
from tests.unit.alerting.database.people_suite import PeopleSuite
from tests.unit.alerting.database.repository_suite import RepositorySuite


@pytest.fixture(scope="module")
async def pool(quiet_database: TestDatabase) -> AsyncIterator[Database]:
    async with Database(quiet_database.dsn("alerting"), service="alerting", pool_size=10) as opened:
        yield opened


class TestPostgresRepositories(LifeSuite, PeopleSuite, RepositorySuite):
    @pytest.fixture
    def units(self, pool: Database) -> PostgresUnits:
        return PostgresUnits(pool, SystemClock(), time_ordered_id)
