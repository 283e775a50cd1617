"""What a backup asks the server, and how PostgreSQL's own programs are told where it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote, urlsplit

import asyncpg

from dinsight import administrator
from dinsight.backup.errors import BackupError
from dinsight.backup.manifest import Server
from dinsight.backup.wal import parse_lsn
from dinsight.installation import SERVICES
from dinsight.servers.postgres import clean_env
from shared.postgres.connection import Connection

# The program's name on the server, and that of the slot which keeps WAL until the receiver has it.
NAME = "dinsight_backup"
# One base backup at a time, whoever asks.
BACKUP_LOCK = 0x44494E5342
SERVER = """
SELECT (SELECT system_identifier::text FROM pg_control_system()) AS cluster,
       current_setting('server_version_num')::int / 10000 AS major,
       current_setting('server_version') AS version,
       (SELECT setting::int FROM pg_settings WHERE name = 'wal_segment_size') AS segment_bytes,
       current_setting('shared_preload_libraries') AS libraries,
       current_user::text AS "user", current_database()::text AS database
"""
WRITTEN = """
SELECT clock_timestamp() AS at, pg_current_wal_flush_lsn()::text AS flushed,
       (SELECT timeline_id FROM pg_control_checkpoint()) AS timeline,
       (SELECT r.write_lsn::text FROM pg_stat_replication AS r JOIN pg_replication_slots AS s
        ON s.active_pid = r.pid WHERE s.slot_name = $1) AS received
"""
SLOT = "SELECT wal_status FROM pg_replication_slots WHERE slot_name = $1"
KEPT_FOR_SLOT = """
SELECT coalesce(pg_current_wal_lsn() - restart_lsn, 0)::bigint FROM pg_replication_slots WHERE slot_name = $1
"""


class Written(NamedTuple):
    """Everything flushed at `at` lies before `flushed`; the receiver has written up to `received`."""

    at: datetime
    flushed: int
    timeline: int
    received: int | None


@asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Connection]:
    async with administrator.connected(dsn, program="dinsight-backup") as connection:
        yield connection


def environment(dsn: str) -> Mapping[str, str]:
    """Variables for libpq. The password is in no argument: those are visible to everybody."""
    parts = urlsplit(dsn)
    ours = {
        "PGHOST": parts.hostname or "",
        "PGPORT": str(parts.port or 5432),
        "PGUSER": unquote(parts.username or ""),
        "PGPASSWORD": unquote(parts.password or ""),
        "PGAPPNAME": NAME,
        "PGCONNECT_TIMEOUT": "10",
        **{f"PG{name.upper()}": value for name, value in parse_qsl(parts.query)},
    }
    return {**clean_env(), **{name: value for name, value in ours.items() if value}, "LC_ALL": "C"}


async def describe(connection: Connection) -> Server:
    row = await connection.fetchrow(SERVER)
    assert row is not None
    return Server(**row)


async def migrations(connection: Connection) -> dict[str, str]:
    """The newest migration of every service's schema that is there."""
    found = {}
    for service in SERVICES:
        if revision := await administrator.revision_of(connection, service):
            found[service] = revision
    return found


async def written(connection: Connection) -> Written:
    row = await connection.fetchrow(WRITTEN, NAME)
    assert row is not None
    received = row["received"]
    return Written(
        row["at"],
        parse_lsn(row["flushed"]),
        row["timeline"],
        None if received is None else parse_lsn(received),
    )


async def has_slot(connection: Connection) -> bool:
    """Return whether the server still keeps the WAL that follows what the receiver has."""
    row = await connection.fetchrow(SLOT, NAME)
    return row is not None and row["wal_status"] != "lost"


async def make_slot(connection: Connection) -> None:
    """Create the slot, in place of one that has lost its WAL."""
    try:
        if await connection.fetchrow(SLOT, NAME) is not None:
            await connection.execute("SELECT pg_drop_replication_slot($1)", NAME)
        await connection.execute("SELECT pg_create_physical_replication_slot($1, true)", NAME)
    except asyncpg.InsufficientPrivilegeError as error:
        raise BackupError(
            "The administrator of DINSIGHT_DATABASE_URL may not stream WAL. Let it:"
            " ALTER ROLE <administrator> REPLICATION"
        ) from error


@asynccontextmanager
async def alone(connection: Connection) -> AsyncIterator[None]:
    """The only base backup of this cluster; the lock ends with the session that holds it."""
    if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", BACKUP_LOCK):
        raise BackupError("Another backup of this database is running. Wait until it has ended.")
    try:
        yield
    finally:
        await connection.execute("SELECT pg_advisory_unlock($1)", BACKUP_LOCK)
