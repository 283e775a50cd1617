"""The repositories on PostgreSQL pass the common suites."""

from dataclasses import replace
from uuid import uuid4

import pytest

from services.analysis.database.unit import PostgresUnits
from shared.access import Scope
from tests.integration.analysis.workplace import NOW, Workplace
from tests.unit.analysis.database.baseline_suite import BaselineSuite
from tests.unit.analysis.database.examples import a_machine
from tests.unit.analysis.database.result_suite import ResultSuite
from tests.unit.analysis.database.source_suite import SourceSuite
from tests.unit.analysis.database.suite import RepositorySuite

OLDER_PROGRAM = """
INSERT INTO analysis.machine_refs AS m (id, organization_id, name, status, version, deleted, changed_at)
VALUES ($1, $2, 'Pump 7', 'active', $3, false, $4)
ON CONFLICT (id) DO UPDATE SET version = excluded.version WHERE m.version < excluded.version
"""


async def test_a_replica_that_an_older_program_stored_is_completed(place: Workplace) -> None:
    """It stores versions without the new columns; their events come again through a new consumer group."""
    scope = Scope(organization_id=uuid4())
    machine = a_machine(scope, version=2, tags=("dry",), location="Hall 3")
    newer = replace(machine, version=3, tags=("wet",), legal_hold=True)
    for version in (machine, newer):
        stored = (version.id, scope.organization_id, version.version, NOW)
        await place.admin.execute(OLDER_PROGRAM, *stored)
        async with place.units(scope) as unit:
            assert await unit.machines.merge(version)
            assert await unit.machines.get(machine.id) == version
            assert not await unit.machines.merge(replace(version, name="Again"))
    async with place.units(scope) as unit:
        assert not await unit.machines.merge(machine)


class TestPostgres(RepositorySuite, ResultSuite, BaselineSuite, SourceSuite):
    @pytest.fixture
    async def units(self, place: Workplace) -> PostgresUnits:
        for table in ("anomalies", "monitor_data"):
            await place.partitions.ensure(table, [NOW])
        return place.units
