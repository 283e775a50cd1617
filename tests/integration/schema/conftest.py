"""Connections to the installation's catalogs and to the specification's tables."""

from collections.abc import AsyncIterator, Mapping

import asyncpg
import pytest

from shared.postgres.connection import Connection
from tests.integration.schema.catalog import Table, read_installation, read_specification
from tests.integration.schema.tenants import Filled, two_tenants
from tests.support.installation import TestDatabase, create_database, drop_database


@pytest.fixture(scope="package")
async def specification(postgres_admin_dsn: str) -> AsyncIterator[Mapping[str, Table]]:
    """The specification's tables as PostgreSQL understands them."""
    scratch = await create_database(postgres_admin_dsn)
    connection = await asyncpg.connect(scratch.admin_dsn)
    try:
        yield await read_specification(connection)
    finally:
        await connection.close()
        await drop_database(postgres_admin_dsn, scratch)


@pytest.fixture(scope="package")
async def admin(database: TestDatabase) -> AsyncIterator[Connection]:
    """An administrator's connection to the migrated installation."""
    connection = await asyncpg.connect(database.admin_dsn)
    yield connection
    await connection.close()


@pytest.fixture(scope="package")
async def installed(admin: Connection) -> Mapping[str, Table]:
    """The specification's tables as the migrations made them."""
    return await read_installation(admin)


@pytest.fixture(scope="package")
async def filled(postgres_admin_dsn: str) -> AsyncIterator[Filled]:
    """A database with rows of two organizations in every tenant table."""
    async with two_tenants(postgres_admin_dsn) as filled:
        yield filled
