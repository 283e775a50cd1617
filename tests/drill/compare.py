"""Compares databases row by row and folders file by file."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from dinsight.installation import SERVICES
from shared.postgres.connection import Connection

TABLES = """
SELECT n.nspname || '.' || quote_ident(c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind = 'r' ORDER BY 1
"""
# A restore sets events to be published again; everything else must be the same to the bit.
ROWS = "SELECT md5((to_jsonb(t) - 'published_at')::text) FROM {} AS t"

Snapshot = Mapping[str, Counter[str]]


async def snapshot(connection: Connection) -> Snapshot:
    """The checksum of every row of every table, all of one moment."""
    async with connection.transaction(isolation="repeatable_read", readonly=True):
        tables = [row[0] for row in await connection.fetch(TABLES, ["public", *SERVICES])]
        return {
            table: Counter(row[0] for row in await connection.fetch(ROWS.format(table))) for table in tables
        }


def rows(found: Snapshot) -> int:
    return sum(table.total() for table in found.values())


def differences(expected: Snapshot, found: Snapshot) -> list[str]:
    """One line for each table that is not the same."""
    return [
        f"{table}: {(expected.get(table, Counter()) - found.get(table, Counter())).total()} rows are missing,"
        f" {(found.get(table, Counter()) - expected.get(table, Counter())).total()} are too many"
        for table in sorted(expected.keys() | found.keys())
        if expected.get(table) != found.get(table)
    ]


def files(folder: Path) -> dict[str, str]:
    """SHA-256 of every file."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }
