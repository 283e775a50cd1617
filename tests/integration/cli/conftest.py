"""A legacy installation with data, and a migrated one to take it over."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from dinsight.installation import SERVICES
from dinsight.provision.migrations import upgrade
from shared.postgres.connection import Connection, prepare_connection
from tests.integration.cli.legacy import Legacy, fill
from tests.support.installation import TestDatabase, create_database, drop_database


@pytest.fixture(scope="package")
async def filled(postgres_admin_dsn: str) -> AsyncIterator[Legacy]:
    """Copied for each test: PostgreSQL copies a database in a fraction of the time it takes to make one."""
    database = await create_database(postgres_admin_dsn)
    legacy = await fill(database.admin_dsn)
    await close_to_all(postgres_admin_dsn, database)
    yield legacy
    await drop_database(postgres_admin_dsn, database)


@pytest.fixture(scope="package")
async def migrated(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    database = await create_database(postgres_admin_dsn)
    for service in SERVICES:
        await asyncio.to_thread(upgrade, service, database.admin_dsn)
    await close_to_all(postgres_admin_dsn, database)
    yield database
    await drop_database(postgres_admin_dsn, database)


@pytest.fixture
async def legacy(postgres_admin_dsn: str, filled: Legacy) -> AsyncIterator[Legacy]:
    async with copied(postgres_admin_dsn, filled.dsn) as dsn:
        yield replace(filled, dsn=dsn)


@pytest.fixture
async def target(postgres_admin_dsn: str, migrated: TestDatabase) -> AsyncIterator[TestDatabase]:
    async with copied(postgres_admin_dsn, migrated.admin_dsn) as dsn:
        yield TestDatabase(dsn)


async def close_to_all(server_dsn: str, database: TestDatabase) -> None:
    """A database that anybody is connected to cannot be copied, and TimescaleDB's scheduler comes back."""
    name = urlsplit(database.admin_dsn).path.lstrip("/")
    server = await asyncpg.connect(server_dsn)
    try:
        await server.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await server.execute(
            f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'"
        )
    finally:
        await server.close()


@asynccontextmanager
async def copied(server_dsn: str, dsn: str) -> AsyncIterator[str]:
    template, copy = urlsplit(dsn).path.lstrip("/"), f"dinsight_test_{uuid4().hex[:12]}"
    server = await asyncpg.connect(server_dsn)
    try:
        await server.execute(f"CREATE DATABASE {copy} TEMPLATE {template}")
        yield urlunsplit(urlsplit(dsn)._replace(path=f"/{copy}"))
        await server.execute(f"DROP DATABASE {copy} WITH (FORCE)")
    finally:
        await server.close()


@pytest.fixture
async def admin(target: TestDatabase) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(target.admin_dsn)
    await prepare_connection(connection)
    yield connection
    await connection.close()
