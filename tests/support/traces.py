"""Where an installation mentions an id or a text: every column that could, and every object of the store."""

from collections.abc import Mapping
from pathlib import Path

import asyncpg

from dinsight.installation import SERVICES
from shared.postgres.connection import Connection

# Partitions are read through their table, and the materialized view is made anew every minute.
COLUMNS = """
SELECT n.nspname || '.' || c.relname AS place, a.attname AS name, t.typname AS type
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  AND a.attnum > 0 AND NOT a.attisdropped
  AND t.typname IN ('uuid', '_uuid', 'text', '_text', 'varchar', 'jsonb', 'bytea')
ORDER BY 1, 2
"""


async def mentions(connection: Connection, wanted: str, allowed: Mapping[str, str]) -> list[str]:
    """The columns that contain `wanted` in rows without the allowed condition of their table."""
    return [
        f"{row['place']}.{row['name']}"
        for row in await connection.fetch(COLUMNS, SERVICES)
        if await _found(connection, row, wanted, allowed.get(row["place"], "false"))
    ]


async def _found(connection: Connection, column: asyncpg.Record, wanted: str, allowed: str) -> bool:
    test = f"\"{column['name']}\"::text LIKE '%' || $1 || '%'"
    if column["type"] == "bytea":
        test = f"position(convert_to($1, 'UTF8') IN \"{column['name']}\") > 0"
    query = f"SELECT EXISTS (SELECT FROM {column['place']} WHERE {test} AND ({allowed}) IS NOT TRUE)"
    return bool(await connection.fetchval(query, wanted))


def objects(folder: Path, wanted: str) -> list[str]:
    """The files of a store whose path contains `wanted`."""
    return [str(path) for path in folder.rglob("*") if path.is_file() and wanted in str(path)]
