"""The Alembic environment of every service: connects as administrator, acts as the schema's owner."""

import asyncio
import zlib

import asyncpg
from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool


def run(connection: Connection) -> None:
    service = context.config.attributes["service"]
    lock = zlib.crc32(f"dinsight migrations {service}".encode())
    connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": lock})
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
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


asyncio.run(main())
