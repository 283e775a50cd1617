"""The tables of tenants, from the catalogs, with a row of two organizations each, and services' logins."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg

from dinsight.installation import SERVICES
from dinsight.provision.migrations import upgrade
from shared.postgres.connection import Connection
from tests.support.installation import TestDatabase, create_database, drop_database

RELATIONS = """
SELECT n.nspname AS schema, c.relname AS name, c.relkind::text AS kind, c.relispartition AS is_partition,
       c.relrowsecurity AND c.relforcerowsecurity AS forced,
       has_table_privilege('dinsight_' || n.nspname, c.oid, 'SELECT, INSERT, UPDATE, DELETE') AS any_right,
       coalesce('security_barrier=true' = ANY (c.reloptions), false) AS barrier,
       coalesce('security_invoker=true' = ANY (c.reloptions), false) AS invoker
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm') AND (
    (n.nspname, c.relname) = ('auth', 'organizations')
    OR EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id'))
ORDER BY 1, 2
"""
COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type, a.atthasdef AS has_default,
       a.attnotnull AS required
FROM pg_attribute a WHERE a.attrelid = $1::text::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""
# For views that show only some rows: the row of each organization becomes one of them.
SHOWN = """
UPDATE analysis.analyses a
SET machine_id = m.id, analysis_type = 'baseline', status = 'completed', completed_at = now()
FROM analysis.machine_refs m WHERE m.organization_id = a.organization_id;
UPDATE analysis.run_summaries SET state = 'ok', samples = 1;
"""
# Only shows what COPY wrote through it: nothing.
WRITE_ONLY = frozenset({"analysis.feature_data_loader"})


@dataclass(frozen=True, slots=True)
class Relation:
    schema: str
    name: str
    kind: str
    is_partition: bool
    forced: bool
    any_right: bool
    barrier: bool
    invoker: bool

    @property
    def place(self) -> str:
        return f"{self.schema}.{self.name}"

    @property
    def tenant_column(self) -> str:
        return "id" if self.place == "auth.organizations" else "organization_id"


@dataclass(frozen=True, slots=True)
class Filled:
    """A migrated database with one row of each of two organizations in every tenant table."""

    database: TestDatabase
    mine: UUID
    theirs: UUID
    relations: Sequence[Relation]


@asynccontextmanager
async def two_tenants(postgres_admin_dsn: str) -> AsyncIterator[Filled]:
    database = await create_database(postgres_admin_dsn)
    try:
        for service in SERVICES:
            await asyncio.to_thread(upgrade, service, database.admin_dsn)
        admin = await asyncpg.connect(database.admin_dsn)
        try:
            found = [Relation(**row) for row in await admin.fetch(RELATIONS, SERVICES)]
            filled = Filled(database, uuid4(), uuid4(), found)
            # Rows need not be of any use: no trigger runs, so no foreign key is checked.
            await admin.execute("SET session_replication_role = replica")
            for relation in found:
                if relation.kind in "rp" and not relation.is_partition:
                    for organization in (filled.mine, filled.theirs):
                        await insert(admin, relation, organization)
            await admin.execute(SHOWN)
        finally:
            await admin.close()
        yield filled
    finally:
        await drop_database(postgres_admin_dsn, database)


async def insert(connection: Connection, relation: Relation, organization: UUID) -> None:
    values: dict[str, Any] = {}
    for column in await connection.fetch(COLUMNS, relation.place):
        if column["name"] == relation.tenant_column:
            values[column["name"]] = organization
        elif column["required"] and not column["has_default"]:
            values[column["name"]] = _value(column["type"])
    await connection.execute(*_statement(relation, values))


def _statement(relation: Relation, values: dict[str, Any]) -> list[Any]:
    names = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f"${number}" for number in range(1, len(values) + 1))
    return [f"INSERT INTO {relation.place} ({names}) VALUES ({places})", *values.values()]


def _value(type_name: str) -> Any:
    if type_name == "uuid":
        return uuid4()
    if type_name == "boolean":
        return False
    if type_name == "bytea":
        return uuid4().bytes
    if type_name.endswith("[]"):
        return [1.0]
    if type_name == "jsonb":
        return json.dumps({})
    if type_name == "date":
        return datetime(2026, 1, 1, tzinfo=UTC).date()
    if type_name.startswith("time "):
        return datetime.now(UTC).time()
    if type_name == "interval":
        return timedelta(minutes=1)
    if type_name.startswith("timestamp"):
        # Tables that are partitioned by month have this one.
        return datetime.now(UTC)
    if type_name.startswith("character") or type_name == "text":
        return uuid4().hex[:20]
    return 1


def readable(filled: Filled) -> list[Relation]:
    """Where rows of the two organizations lie and the service has some right."""
    return [
        relation
        for relation in filled.relations
        if relation.any_right and not relation.is_partition and relation.place not in WRITE_ONLY
    ]


class as_service:
    """A transaction under the service's own login, with the setting of an organization; rolled back."""

    def __init__(self, filled: Filled, service: str, organization: UUID | None) -> None:
        self._dsn = filled.database.dsn(service)
        self._organization = organization

    async def __aenter__(self) -> Connection:
        self._connection = await asyncpg.connect(self._dsn)
        self._transaction = self._connection.transaction()
        await self._transaction.start()
        if self._organization is not None:
            await self._connection.execute(
                "SELECT set_config('app.organization_id', $1, true)", str(self._organization)
            )
        return self._connection

    async def __aexit__(self, *exc_info: object) -> None:
        await self._connection.close()
