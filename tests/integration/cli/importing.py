"""Runs an import and looks at what it left."""

from typing import Any

import asyncpg

from dinsight.installation import SERVICES
from dinsight.legacy_import.takeover import Imported, Takeover
from shared.clock import SystemClock, time_ordered_id
from shared.postgres.connection import Connection
from tests.integration.cli.legacy import Legacy
from tests.support.installation import TestDatabase

TABLES = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition ORDER BY n.nspname, c.relname
"""
CHECKSUM = "SELECT md5(coalesce(string_agg(t::text, '' ORDER BY t::text), '')) FROM {} t"


async def run(legacy: Legacy, target: TestDatabase, owner: str | None = None) -> Imported:
    takeover = Takeover(SystemClock(), time_ordered_id)
    return await takeover.run(legacy.dsn, target.admin_dsn, organization_name="Plant", owner_email=owner)


async def everything(admin: Connection) -> list[Any]:
    """A checksum of every table of every service."""
    tables = [row[0] for row in await admin.fetch(TABLES, SERVICES)]
    return [(table, await admin.fetchval(CHECKSUM.format(table))) for table in tables]


async def change(dsn: str, statement: str, *arguments: Any) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        assert not (await connection.execute(statement, *arguments)).endswith(" 0")
    finally:
        await connection.close()
