"""What the services' login roles may and may not do."""

import asyncpg
import pytest

from dinsight.installation import SERVICES
from shared.postgres.connection import Connection
from tests.support.installation import TestDatabase

MEMBERSHIPS = """
SELECT r.rolname FROM pg_auth_members m JOIN pg_roles r ON r.oid = m.roleid
WHERE m.member = $1::text::regrole
"""
FOREIGN_RIGHTS = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($2) AND n.nspname <> $3 AND c.relkind IN ('r', 'p', 'v', 'm')
  AND has_table_privilege($1, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER')
UNION ALL
SELECT n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY ($2) AND n.nspname <> $3 AND has_schema_privilege($1, n.oid, 'USAGE')
"""
DEFINERS_OPEN_TO_ALL = """
SELECT n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY ($1) AND p.prosecdef AND has_function_privilege('public', p.oid, 'EXECUTE')
"""
DEFINERS_WITHOUT_PATH = """
SELECT n.nspname || '.' || p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY ($1) AND p.prosecdef
  AND NOT coalesce(p.proconfig::text LIKE '%search_path=%pg_temp%', false)
"""


@pytest.mark.parametrize("service", SERVICES)
async def test_a_login_role_is_an_ordinary_one(admin: Connection, service: str) -> None:
    row = await admin.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", f"dinsight_{service}")
    assert row is not None
    assert row["rolcanlogin"]
    forbidden = ("rolsuper", "rolbypassrls", "rolcreaterole", "rolcreatedb", "rolreplication")
    assert [name for name in forbidden if row[name]] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_an_owner_role_cannot_log_in_nor_look_past_policies(admin: Connection, service: str) -> None:
    """Where TimescaleDB runs policies as the owner, a limit of no connections keeps everybody out."""
    row = await admin.fetchrow("SELECT * FROM pg_roles WHERE rolname = $1", f"dinsight_{service}_owner")
    assert row is not None
    assert not row["rolcanlogin"] or row["rolconnlimit"] == 0
    assert not row["rolbypassrls"]
    assert not row["rolsuper"]


@pytest.mark.parametrize("service", SERVICES)
async def test_a_login_role_belongs_to_no_other(admin: Connection, service: str) -> None:
    assert await admin.fetch(MEMBERSHIPS, f"dinsight_{service}") == []


@pytest.mark.parametrize("service", SERVICES)
async def test_a_login_role_has_no_right_elsewhere(admin: Connection, service: str) -> None:
    role = f"dinsight_{service}"
    assert await admin.fetch(FOREIGN_RIGHTS, role, SERVICES, service) == []
    for other in SERVICES:
        used = await admin.fetchval("SELECT has_schema_privilege($1, $2, 'USAGE')", role, other)
        created = await admin.fetchval("SELECT has_schema_privilege($1, $2, 'CREATE')", role, other)
        assert (used, created) == (other == service, False)


@pytest.mark.parametrize("service", SERVICES)
async def test_a_service_reads_its_own_tables_and_is_refused_elsewhere(
    database: TestDatabase, service: str
) -> None:
    connection = await asyncpg.connect(database.dsn(service))
    try:
        assert await connection.fetchval("SELECT current_schema()") == service
        await connection.fetch("SELECT * FROM outbox LIMIT 1")
        for other in SERVICES:
            if other != service:
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.fetch(f"SELECT * FROM {other}.outbox LIMIT 1")
        for statement in (
            f"SET ROLE dinsight_{service}_owner",
            "CREATE TABLE mine (id integer)",
            "ALTER TABLE outbox DISABLE TRIGGER ALL",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()


async def test_functions_that_act_as_owner_are_safe(admin: Connection) -> None:
    """Nobody but their service may call them, and no search path of the caller's leads them astray."""
    assert await admin.fetch(DEFINERS_OPEN_TO_ALL, SERVICES) == []
    assert await admin.fetch(DEFINERS_WITHOUT_PATH, SERVICES) == []
