"""The row that the program `backup` writes, and the turn to remind administrators of it."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from dinsight.administrator import acting_as
from dinsight.backup.nightly import NOTE
from services.auth.backups.domain import LateBackup
from shared.access import Scope
from shared.postgres.connection import Connection, Database
from tests.integration.auth.units import units_of
from tests.support.installation import TestDatabase
from tests.unit.auth.database.examples import a_user

DAY = timedelta(days=1)


@pytest.fixture
async def admin(database: TestDatabase) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(database.admin_dsn)
    yield connection
    await connection.execute("DELETE FROM auth.last_backup")
    await connection.close()


async def note(admin: Connection, since: datetime, verified_at: datetime | None) -> None:
    async with admin.transaction(), acting_as(admin, "auth"):
        await admin.execute(NOTE, since, verified_at)


async def test_one_of_several_processes_gets_the_turn(admin: Connection, database: TestDatabase) -> None:
    now = datetime.now(UTC)
    await note(admin, now - 9 * DAY, now - 2 * DAY)
    # The first row stays: a later note changes only when a backup was verified.
    await note(admin, now, now - 3 * DAY)
    async with Database(database.dsn("auth"), service="auth", pool_size=4) as pool:
        units = units_of(pool)

        async def claim(verified_before: datetime) -> LateBackup | None:
            async with units(Scope()) as unit:
                return await unit.backups.claim_reminder(verified_before, now - DAY, now)

        assert await claim(now - 3 * DAY) is None
        claims = await asyncio.gather(*(claim(now - DAY) for _ in range(4)))
        assert [claim for claim in claims if claim] == [LateBackup(now - 3 * DAY)]
        await note(admin, now, None)
        async with units(Scope()) as unit:
            assert await unit.backups.claim_reminder(now - 8 * DAY, now, now) == LateBackup(None)


async def test_the_service_cannot_make_the_row(database: TestDatabase) -> None:
    connection = await asyncpg.connect(database.dsn("auth"))
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await connection.execute("INSERT INTO auth.last_backup (watched_since) VALUES (now())")
    await connection.close()


async def test_administrators_of_the_installation_are_found(database: TestDatabase) -> None:
    active, former, user = (replace(a_user(), role=role) for role in ("admin", "admin", "user"))
    async with (
        Database(database.dsn("auth"), service="auth", pool_size=1) as pool,
        units_of(pool)(Scope()) as unit,
    ):
        for one in (active, replace(former, is_active=False), user):
            assert await unit.users.add_without_password(one)
        found = {one.id for one in await unit.users.administrators()}
    assert found & {active.id, former.id, user.id} == {active.id}
