"""Reads certificates of deletions as the owner of the auth schema, across organizations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, fields
from uuid import UUID

import asyncpg
import orjson

from dinsight.administrator import acting_as, connected
from services.auth.deletions.domain import Deletion
from shared.postgres.connection import Connection

COLUMNS = tuple(field.name for field in fields(Deletion))


async def newest(admin_dsn: str, limit: int) -> Sequence[Deletion]:
    async with _owner(admin_dsn) as connection:
        rows = await connection.fetch(
            "SELECT * FROM deletions ORDER BY requested_at DESC, id DESC LIMIT $1", limit
        )
    return [_deletion(row) for row in rows]


async def certificate(admin_dsn: str, deletion_id: UUID) -> Deletion | None:
    async with _owner(admin_dsn) as connection:
        row = await connection.fetchrow("SELECT * FROM deletions WHERE id = $1", deletion_id)
    return None if row is None else _deletion(row)


def as_json(deletion: Deletion) -> str:
    return orjson.dumps(asdict(deletion), option=orjson.OPT_INDENT_2 | orjson.OPT_UTC_Z).decode()


@asynccontextmanager
async def _owner(admin_dsn: str) -> AsyncIterator[Connection]:
    async with (
        connected(admin_dsn) as connection,
        connection.transaction(),
        acting_as(connection, "auth"),
    ):
        yield connection


def _deletion(row: asyncpg.Record) -> Deletion:
    return Deletion(**{name: row[name] for name in COLUMNS})
