"""A table that is partitioned by month, with what its rows refer to, and those who use it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID, uuid4

import asyncpg

from shared.access import Scope
from shared.postgres.connection import Connection, Database
from shared.postgres.partitions import MonthPartitions, drop_before, partitions
from tests.support.installation import TestDatabase

# Only a fault takes so long.
FAILS_AFTER = 60
NOW = datetime.now(UTC)
TABLES = {
    "analysis.anomalies": (
        "machine_refs analyses dinsight_data file_uploads",
        "INSERT INTO anomalies (analysis_id, machine_id, organization_id, sample_index, severity, distance,"
        ' threshold, features, x, y, "timestamp")'
        " VALUES ($1, $2, $3, 0, 'high', 2, 1, '{}', 0, 0, $4)",
    ),
    "analysis.monitor_data": (
        "machine_refs analyses dinsight_data file_uploads",
        "INSERT INTO monitor_data (dinsight_id, analysis_id, organization_id, process_order, samples,"
        " monitor_values, x_values, y_values, created_at)"
        " SELECT dinsight_id, id, $3, (random() * 2e9)::integer, 1, '{1}', '{1}',"
        " '{1}', $4 FROM analyses WHERE id = $1 AND machine_id = $2",
    ),
    "auth.audit_logs": (
        "users organizations",
        "INSERT INTO audit_logs (user_id, organization_id, action, resource_id, created_at)"
        " VALUES ($1, $3, 'tested', $2, $4)",
    ),
}


def month(year: int, number: int, day: int = 10) -> datetime:
    return datetime(year, number, day, tzinfo=UTC)


@dataclass
class Place:
    """One partitioned table, its service's pool, and rows that its rows can refer to."""

    table: str
    created: TestDatabase
    database: Database
    owner: Connection
    ids: tuple[UUID, UUID, UUID]

    @property
    def name(self) -> str:
        return self.table.split(".")[1]

    @property
    def service(self) -> str:
        return self.table.split(".")[0]

    @property
    def months(self) -> MonthPartitions:
        return MonthPartitions(self.database)

    async def names(self) -> list[str]:
        return [partition.name for partition in await partitions(self.owner, self.table)]

    async def start_over(self) -> None:
        """Drop all months, attached or not, and make the current one."""
        await drop_before(self.owner, self.table, datetime.max.replace(tzinfo=UTC))
        detached = await self.owner.fetch(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = $1::text::regnamespace"
            " AND relname ~ $2",
            *(self.service, rf"^{self.name}_\d{{4}}_\d{{2}}_?$"),
        )
        for row in detached:
            await self.owner.execute(f"DROP TABLE {row['relname']}")
        await self.months.ensure(self.name, [NOW])

    async def insert(self, connection: Connection, time: datetime) -> None:
        await connection.execute(TABLES[self.table][1], *self.ids, time)

    async def write(self, time: datetime) -> None:
        """What a request does that writes."""
        async with self.database.transaction(Scope(organization_id=self.ids[2])) as connection:
            await self.insert(connection, time)

    async def read(self) -> int:
        """What a request does that reads."""
        async with self.database.transaction(Scope(organization_id=self.ids[2])) as connection:
            return int(await connection.fetchval(f"SELECT count(*) FROM {self.name}"))

    async def connect(self) -> Connection:
        return await asyncpg.connect(self.created.admin_dsn)

    @asynccontextmanager
    async def dump(self) -> AsyncIterator[None]:
        """A long transaction that has read every table, as a dump's."""
        reader = await self.connect()
        try:
            async with reader.transaction(isolation="repeatable_read", readonly=True):
                for row in await reader.fetch(
                    "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p')"
                    " AND relnamespace = $1::text::regnamespace",
                    self.service,
                ):
                    await reader.fetch(f"SELECT count(*) FROM {row[0]}")
                yield
        finally:
            await reader.close()

    @asynccontextmanager
    async def written(self, time: datetime) -> AsyncIterator[None]:
        """A transaction that has written to the table, and changed what its rows refer to, and is open."""
        writer = await self.connect()
        try:
            async with writer.transaction():
                await writer.execute(f"SET LOCAL search_path = {self.service}, public")
                for table in TABLES[self.table][0].split():
                    # No part of a key: whoever refers to the rows must not have to wait.
                    column = "name" if table == "machine_refs" else "created_at"
                    await writer.execute(f"UPDATE {table} SET {column} = {column}")
                await self.insert(writer, time)
                yield
        finally:
            await writer.close()


async def add_referenced(owner: Connection, service: str) -> tuple[UUID, UUID, UUID]:
    first, second, organization = uuid4(), uuid4(), uuid4()
    if service == "auth":
        await owner.execute(
            "INSERT INTO users (id, email, password_hash, full_name) VALUES ($1, $1::uuid::text, 'x', 'x')",
            first,
        )
        await owner.execute(
            "INSERT INTO organizations (id, name, slug) VALUES ($1, 'x', $1::uuid::text)", organization
        )
        return first, second, organization
    upload, plan = uuid4(), uuid4()
    await owner.execute(
        "INSERT INTO machine_refs (id, organization_id, name, status, version, changed_at)"
        " VALUES ($1, $2, 'Pump', 'active', 1, now())",
        second,
        organization,
    )
    await owner.execute(
        "INSERT INTO file_uploads (id, organization_id, original_filename, file_size)"
        " VALUES ($1, $2, 'x.csv', 1)",
        upload,
        organization,
    )
    config = await owner.fetchval(
        "INSERT INTO config_data (organization_id) VALUES ($1) RETURNING id", organization
    )
    await owner.execute(
        "INSERT INTO dinsight_data (id, file_upload_id, config_id, x_values, y_values, organization_id)"
        " VALUES ($1, $2, $3, '{0}', '{0}', $4)",
        plan,
        upload,
        config,
        organization,
    )
    await owner.execute(
        "INSERT INTO analyses (id, machine_id, file_upload_id, dinsight_id, analysis_type, created_by,"
        " organization_id) VALUES ($1, $2, $3, $4, 'monitoring', $5, $6)",
        *(first, second, upload, plan, uuid4(), organization),
    )
    return first, second, organization
