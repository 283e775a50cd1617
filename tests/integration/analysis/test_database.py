"""The repositories on PostgreSQL pass the common suites."""

import pytest

from services.analysis.database.unit import PostgresUnits
from tests.integration.analysis.workplace import Workplace
from tests.unit.analysis.database.examples import NOW
from tests.unit.analysis.database.result_suite import ResultSuite
from tests.unit.analysis.database.suite import RepositorySuite


class TestPostgres(RepositorySuite, ResultSuite):
    @pytest.fixture
    async def units(self, place: Workplace) -> PostgresUnits:
        for table in ("anomalies", "monitor_data"):
            await place.partitions.ensure(table, [NOW])
        return place.units
