"""A database as the version before months left it, and what that version does while it is migrated."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg
from alembic import command

from dinsight.provision.migrations import configuration
from shared.postgres.connection import Connection
from tests.support.installation import TestDatabase, create_database, drop_database

NOW = datetime.now(UTC)
BEFORE = {"analysis": "analysis_0008", "auth": "auth_0007"}
ROWS = 12_000
ADD_ANOMALY = """
INSERT INTO anomalies (id, organization_id, analysis_id, machine_id, "timestamp", severity, distance,
                       threshold, features, acknowledged, created_at, sample_index, x, y)
VALUES (coalesce($1, uuid_generate_v4()), $2, $2, $2, $3, 'high', 2, 1, '{"features": []}', false,
        $4, $5, 0, 0)
"""
ADD_MANY = """
INSERT INTO anomalies (organization_id, analysis_id, machine_id, "timestamp", severity, distance, threshold,
                       features, sample_index, x, y)
SELECT $1, $1, $1, timestamptz '2004-01-15 00:00Z' + step * interval '6 hours', 'high', 2, 1, '{}', step, 0, 0
FROM generate_series(1, $2::integer) AS step
"""


@asynccontextmanager
async def installed_before(server: str, service: str) -> AsyncIterator[TestDatabase]:
    """A database as the previous version left it."""
    created = await create_database(server)
    try:
        await asyncio.to_thread(command.upgrade, configuration(service, created.admin_dsn), BEFORE[service])
        yield created
    finally:
        await drop_database(server, created)


async def connect(created: TestDatabase, service: str = "analysis") -> Connection:
    """An administrator's connection."""
    connection = await asyncpg.connect(created.admin_dsn)
    await connection.execute(f"SET search_path = {service}, public; SET timezone = 'UTC'")
    return connection


async def add_run(connection: Connection, rows: int = ROWS) -> UUID:
    """A machine and an analysis with anomalies; the id is that of all of them."""
    one = uuid4()
    await connection.execute(
        "INSERT INTO machine_refs (id, organization_id, name, status, version, changed_at)"
        " VALUES ($1, $1, 'Pump', 'active', 1, now())",
        one,
    )
    await connection.execute(
        "INSERT INTO file_uploads (id, organization_id, original_filename, file_size)"
        " VALUES ($1, $1, 'x.csv', 1)",
        one,
    )
    await connection.execute(
        "INSERT INTO analyses (id, organization_id, machine_id, file_upload_id, analysis_type, created_by)"
        " VALUES ($1, $1, $1, $1, 'monitoring', $1)",
        one,
    )
    await connection.execute(ADD_MANY, one, rows)
    return one


class PreviousVersion:
    """Reads and writes as the previous version's services do, until it is stopped."""

    def __init__(self, created: TestDatabase, run: UUID) -> None:
        self._created = created
        self._run = run
        self._stopping = False
        self.reads = self.added = self.acknowledged = self.deleted = 0

    async def work(self) -> None:
        service = await asyncpg.connect(self._created.dsn("analysis"))
        try:
            while not self._stopping:
                async with service.transaction():
                    await service.execute(
                        "SELECT set_config('app.organization_id', $1, true)", str(self._run)
                    )
                    await self._step(service)
                await asyncio.sleep(0.005)
        finally:
            await service.close()

    async def _step(self, service: Connection) -> None:
        expected = ROWS + self.added - self.deleted
        assert await service.fetchval("SELECT count(*) FROM anomalies") == expected
        self.reads += 1
        await service.execute("SELECT ensure_anomaly_partitions($1, 3)", NOW.date())
        picked = await service.fetchrow(
            'SELECT id, "timestamp" FROM anomalies WHERE NOT acknowledged'
            " OFFSET floor(random() * 8000) LIMIT 2"
        )
        if picked is not None:
            await service.execute(
                "UPDATE anomalies SET acknowledged = true, acknowledged_by = id"
                ' WHERE id = $1 AND "timestamp" = $2',
                *picked,
            )
            self.acknowledged += 1
        await service.execute(ADD_ANOMALY, uuid4(), self._run, NOW, NOW, 1_000_000)
        # It lies in the default partition, or in the month that came from it.
        await service.execute(
            ADD_ANOMALY, uuid4(), self._run, datetime(2010, 5, 5, tzinfo=UTC), NOW, 2_000_000
        )
        self.added += 2
        deleted = await service.execute(
            "DELETE FROM anomalies WHERE id = (SELECT id FROM anomalies WHERE sample_index < 1000000"
            " AND NOT acknowledged LIMIT 1)"
        )
        self.deleted += int(deleted.rpartition(" ")[2])

    def stop(self) -> None:
        self._stopping = True
