"""Commands connect as the administrator and act as the owner of one service's schema at a time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from shared.postgres.connection import Connection, prepare_connection


@asynccontextmanager
async def connected(admin_dsn: str, *, program: str = "dinsight") -> AsyncIterator[Connection]:
    """A connection with the types of the platform; `program` is what pg_stat_activity shows.

    Raises asyncpg.PostgresError or OSError where the server cannot be reached.
    """
    connection = await asyncpg.connect(admin_dsn, server_settings={"application_name": program})
    try:
        await prepare_connection(connection)
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def acting_as(connection: Connection, service: str) -> AsyncIterator[None]:
    """Within the block, inside a transaction, the connection is the owner of the service's schema.

    An error in the block must end the transaction, which also ends the role.
    """
    await connection.execute(f"SET LOCAL ROLE dinsight_{service}_owner")
    await connection.execute(f"SET LOCAL search_path = {service}, public")
    yield
    await connection.execute("RESET ROLE")
    await connection.execute("SET LOCAL search_path = public")


@asynccontextmanager
async def owning(connection: Connection, service: str) -> AsyncIterator[None]:
    """Within the block, outside of any transaction, the connection owns the service's schema.

    For statements that have transactions of their own, with lock timeouts, such as dropping partitions.
    """
    await connection.execute(f"SET ROLE dinsight_{service}_owner")
    try:
        yield
    finally:
        await connection.execute("RESET ROLE")
        await connection.execute("RESET lock_timeout")


async def revision_of(connection: Connection, service: str) -> str | None:
    """The newest migration of the service's schema; None if there is none yet."""
    if not await connection.fetchval("SELECT to_regclass($1)", f"{service}.alembic_version"):
        return None
    found: str | None = await connection.fetchval(f"SELECT version_num FROM {service}.alembic_version")  # noqa: S608 - our own names
    return found
