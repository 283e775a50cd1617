"""The PostgreSQL repositories keep to the common suite."""

from collections.abc import AsyncIterator

import pytest

from services.auth.repository import PostgresUnits, Units
from shared.clock import SystemClock, time_ordered_id
from shared.postgres.connection import Database
from tests.support.installation import TestDatabase
from tests.unit.auth.repository_suite import RepositorySuite
from tests.unit.auth.repository_suite_accounts import AccountsRepositorySuite


class TestPostgres(RepositorySuite, AccountsRepositorySuite):
    @pytest.fixture
    async def units(self, database: TestDatabase) -> AsyncIterator[Units]:
        async with Database(database.dsn("auth"), service="auth", pool_size=1) as pool:
            yield PostgresUnits(pool, SystemClock(), time_ordered_id)
