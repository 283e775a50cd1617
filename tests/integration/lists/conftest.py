"""A database of its own, in which every list has rows of several organizations."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest

from dinsight.installation import SERVICES
from dinsight.provision.migrations import upgrade
from tests.lists.seed import Seed, Size, connect, trust
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.support.tokens import TokenIssuer

SIZE = Size(organizations=6, machines=40, analyses=200, users=60, logs=3000)


@dataclass(frozen=True)
class Filled:
    database: TestDatabase
    seed: Seed


@pytest.fixture(scope="session")
async def filled(postgres_admin_dsn: str, tokens: TokenIssuer) -> AsyncIterator[Filled]:
    database = await create_database(postgres_admin_dsn)
    for service in SERVICES:
        await asyncio.to_thread(upgrade, service, database.admin_dsn)
    seed = Seed.new(SIZE)
    admin = await connect(database.admin_dsn)
    await seed.fill(admin, rebuild_indexes=False)
    await trust(admin, tokens)
    await admin.execute("VACUUM (ANALYZE)")
    await admin.close()
    yield Filled(database, seed)
    await drop_database(postgres_admin_dsn, database)
