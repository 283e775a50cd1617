"""The Alembic environment of every service: connects as administrator, acts as the schema's owner."""

import asyncio
import zlib

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from dinsight.provision.blockers import Watch
from shared.postgres.patience import LOCK_TIMEOUT, milliseconds


def run(connection: Connection) -> None:
    service = context.config.attributes["service"]
    lock = zlib.crc32(f"dinsight migrations {service}".encode())
    # Another command that migrates the same schema is waited for, however long it takes.
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": lock})
    connection.execute(text(f"SET lock_timeout = '{milliseconds(LOCK_TIMEOUT)}'"))
    connection.execute(text(f"SET ROLE dinsight_{service}_owner"))
    connection.execute(text(f"SET search_path = {service}, public"))
    connection.commit()
    context.configure(connection=connection, version_table_schema=service, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()


async def main() -> None:
    dsn = context.config.attributes["admin_dsn"]
    engine = create_async_engine(
        "postgresql+asyncpg://", async_creator=lambda: asyncpg.connect(dsn), poolclass=NullPool
    )
    try:
        async with engine.connect() as connection:
            pid = await connection.scalar(text("SELECT pg_backend_pid()"))
            await connection.commit()
            async with Watch(dsn, pid, context.config.attributes["blockers"]):
                await connection.run_sync(run)
    finally:
        await engine.dispose()


asyncio.run(main())
