"""A service is not ready if its database responds but cannot write."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest

from shared.postgres.connection import Database
from tests.support.installation import TestDatabase

SERVICE = "machines"
# How a client sees a standby, or a server that was switched to read-only.
READ_ONLY = (
    "ALTER ROLE dinsight_machines IN DATABASE {database} SET default_transaction_read_only = on",
    "ALTER ROLE dinsight_machines IN DATABASE {database} RESET default_transaction_read_only",
)
# A server whose files were upgraded while it runs cannot load the libraries of its functions.
BROKEN_FUNCTIONS = (
    "ALTER FUNCTION machines.outbox_notify() RENAME TO outbox_notify_kept;"
    " CREATE FUNCTION machines.outbox_notify() RETURNS trigger LANGUAGE plpgsql AS"
    " $$ BEGIN RAISE 'could not load library'; END $$;"
    " DROP TRIGGER outbox_notify ON machines.outbox; CREATE TRIGGER outbox_notify AFTER INSERT"
    " ON machines.outbox FOR EACH STATEMENT EXECUTE FUNCTION machines.outbox_notify()",
    "DROP FUNCTION machines.outbox_notify() CASCADE;"
    " ALTER FUNCTION machines.outbox_notify_kept() RENAME TO outbox_notify; CREATE TRIGGER outbox_notify"
    " AFTER INSERT ON machines.outbox FOR EACH STATEMENT EXECUTE FUNCTION machines.outbox_notify()",
)

NO_RIGHTS = (
    "REVOKE INSERT ON machines.outbox FROM dinsight_machines",
    "GRANT INSERT ON machines.outbox TO dinsight_machines",
)
# What an upgrade of packages leaves behind when a library of an extension is gone.
NO_EXTENSION = (
    "ALTER FUNCTION public.digest(text, text) RENAME TO digest_kept",
    "ALTER FUNCTION public.digest_kept(text, text) RENAME TO digest",
)
STATES = {
    "read only": READ_ONLY,
    "broken functions": BROKEN_FUNCTIONS,
    "no rights": NO_RIGHTS,
    "no extension": NO_EXTENSION,
}


@asynccontextmanager
async def broken(database: TestDatabase, statements: tuple[str, str]) -> AsyncIterator[None]:
    admin = await asyncpg.connect(database.admin_dsn)
    name = await admin.fetchval("SELECT current_database()")
    try:
        await admin.execute(statements[0].format(database=name))
        try:
            yield
        finally:
            # Other tests use the same database.
            await admin.execute(statements[1].format(database=name))
    finally:
        await admin.close()


@pytest.mark.parametrize("statements", STATES.values(), ids=STATES.keys())
async def test_a_database_that_cannot_write_is_not_ready(
    database: TestDatabase, statements: tuple[str, str]
) -> None:
    pool = Database(database.dsn(SERVICE), service=SERVICE, pool_size=1)
    await pool.ping()
    async with broken(database, statements):
        with pytest.raises(asyncpg.PostgresError):
            await pool.ping()
    await pool.ping()


async def test_checking_the_database_writes_nothing(database: TestDatabase) -> None:
    admin = await asyncpg.connect(database.admin_dsn)
    try:
        before = await admin.fetchval("SELECT count(*) FROM machines.outbox")
        await Database(database.dsn(SERVICE), service=SERVICE, pool_size=1).ping()
        assert await admin.fetchval("SELECT count(*) FROM machines.outbox") == before
    finally:
        await admin.close()
