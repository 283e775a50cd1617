"""Restores a dump of an earlier version into a fresh database, and remembers every row of it."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from dinsight.installation import SERVICES
from dinsight.provision.databases import provision
from shared.postgres.connection import Connection
from tests.support.installation import PASSWORD, TestDatabase, create_database, drop_database

# Primary keys of plain and partitioned tables. Bookkeeping of Alembic and jobs that ended is no data.
KEYS = """
SELECT format('%I.%I', n.nspname, c.relname) AS place,
       string_agg(format('%I', a.attname), ', ' ORDER BY k.position) AS key
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
CROSS JOIN LATERAL unnest(i.indkey::int2[]) WITH ORDINALITY AS k(attnum, position)
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.attnum
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND c.relname NOT IN ('alembic_version', 'job_turns')
GROUP BY 1
"""

Rows = Mapping[str, tuple[str, frozenset[str]]]
"""The primary key's columns, and every row's key as text, by table."""


@asynccontextmanager
async def restored(server_dsn: str, dump: Path) -> AsyncIterator[TestDatabase]:
    script = await asyncio.to_thread(lambda: gzip.decompress(dump.read_bytes()).decode())
    database = await create_database(server_dsn)
    connection = await asyncpg.connect(database.admin_dsn)
    try:
        for service in SERVICES:
            await connection.execute(f"DROP SCHEMA {service} CASCADE")
        await connection.execute(script)
    finally:
        await connection.close()
    await provision(database.admin_dsn, dict.fromkeys(SERVICES, PASSWORD))
    yield database
    await drop_database(server_dsn, database)


async def rows_of(connection: Connection) -> Rows:
    found = {}
    for table in await connection.fetch(KEYS, SERVICES):
        # Where there is an id, the rest of the key says which partition: a migration may move a row.
        key = "id" if "id" in table["key"].split(", ") else table["key"]
        found[table["place"]] = (key, await keys_in(connection, table["place"], key))
    return found


async def keys_in(connection: Connection, place: str, key: str) -> frozenset[str]:
    rows = await connection.fetch(f"SELECT ROW({key})::text FROM {place}")
    return frozenset(row[0] for row in rows)
