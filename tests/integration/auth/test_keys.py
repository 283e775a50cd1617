"""Signing keys on a real database."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import timedelta

import pytest

from dinsight.provision.migrations import upgrade
from services.auth.keys.service import KeyRing
from shared.clock import SystemClock
from shared.crypto import Encryptor
from shared.postgres.connection import Database
from tests.integration.auth.units import units_of
from tests.support.installation import TestDatabase, create_database, drop_database

REPLICAS = 5


@pytest.fixture
async def empty_database(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    created = await create_database(postgres_admin_dsn)
    await asyncio.to_thread(upgrade, "auth", created.admin_dsn)
    yield created
    await drop_database(postgres_admin_dsn, created)


async def test_replicas_that_start_together_create_one_key(empty_database: TestDatabase) -> None:
    encryptor = Encryptor("a:" + base64.b64encode(b"k" * 32).decode())
    async with AsyncExitStack() as stack:
        rings = []
        for _ in range(REPLICAS):
            pool = Database(empty_database.dsn("auth"), service="auth", pool_size=2)
            units = units_of(await stack.enter_async_context(pool))
            rings.append(
                KeyRing(
                    units,
                    SystemClock(),
                    encryptor,
                    key_lifetime=timedelta(days=30),
                    token_lifetime=timedelta(minutes=15),
                )
            )
        # Some ask for a key at once, some look after the keys first, as their background work does.
        await asyncio.gather(*(ring.signing() if n % 2 else ring.maintain() for n, ring in enumerate(rings)))
        published = [await ring.public() for ring in rings]
    assert len(published[0]["keys"]) == 1
    assert all(keys == published[0] for keys in published)
