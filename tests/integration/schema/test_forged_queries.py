"""Were a service's query forged, row-level security alone would hold: by key, in bulk, by views.

What there is to try comes from the catalogs: a new table, view or function is tried, or is explained here.
"""

import re
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import uuid4

import asyncpg
import pytest

from dinsight.installation import SERVICES
from shared.postgres.connection import Connection
from tests.integration.schema.tenants import Filled, Relation, as_service, insert, readable

# Tables of no tenant, and why no organization's row can be read from them that matters.
WITHOUT_ORGANIZATION = {
    "outbox": "transport; decision 0008",
    "inbox": "ids of events alone; decision 0008",
    "idempotency_keys": "kept by user and key; decision 0008",
    "alembic_version": "the schema's revision",
    "auth.users": "people, who may belong to several organizations",
    "auth.refresh_tokens": "hashes, by user",
    "auth.signing_keys": "of the installation",
    "auth.last_backup": "of the installation",
    "auth.password_attempts": "hashes of accounts and addresses",
    "auth.mail": "mail of the installation, encrypted; to addresses that may have no account",
    "auth.one_time_tokens": "hashes, by user",
    "auth.reset_requests": "addresses that may have no account",
    "auth.oidc_flows": "hashes of browsers on their way",
    "auth.user_identities": "people at their provider",
    "auth.totp_secrets": "sealed, by user",
    "auth.passkeys": "public keys, by user",
    "auth.recovery_codes": "hashes, by user",
    "auth.sign_in_challenges": "hashes, by user",
    "auth.maintenance_runs": "counts of the whole installation, on which the service has no right",
    "analysis.discarded_objects": "keys of objects that nothing names any more",
}
# Types that name a row or count rows. A function that crosses organizations gives no more.
TELLING_LITTLE = {"uuid", "integer", "bigint", "boolean", "void"}
# Give back of the given object keys those that are in use: what they tell, their caller has said.
ECHOES = {"analysis.known_archives", "analysis.known_objects"}
# What a job tells (its kind, ids, places, times) is what a worker must know; tenants' data is not in it.
OF_THE_QUEUE = ("claim_jobs", "queue_depth")
PRIMARY_KEY = """
SELECT a.attname::text AS name, format_type(a.atttypid, NULL) AS type
FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
WHERE i.indrelid = $1::text::regclass AND i.indisprimary
"""
PLAIN_TABLES = """
SELECT n.nspname || '.' || c.relname AS place, c.relname AS name,
       c.relkind = 'v' AND 'security_barrier=true' = ANY (c.reloptions)
           AND pg_get_viewdef(c.oid) LIKE '%app.organization_id%' AS filters
FROM pg_class c
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT c.relispartition
  AND (n.nspname, c.relname) <> ('auth', 'organizations')
  AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'organization_id')
"""
DEFINERS = """
SELECT n.nspname || '.' || p.proname AS place, pg_get_function_result(p.oid) AS result
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE n.nspname = ANY ($1) AND p.prosecdef
  AND has_function_privilege('dinsight_' || n.nspname, p.oid, 'EXECUTE')
"""
REFUSED = (
    asyncpg.InsufficientPrivilegeError,
    asyncpg.CheckViolationError,
    asyncpg.UniqueViolationError,
)


@pytest.fixture
async def admin_of_filled(filled: Filled) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(filled.database.admin_dsn)
    yield connection
    await connection.close()


def tables(filled: Filled) -> list[Relation]:
    return [relation for relation in readable(filled) if relation.kind in "rp"]


async def their_key(connection: Connection, filled: Filled, relation: Relation) -> tuple[str, Sequence[Any]]:
    """A WHERE that names the other organization's row by its primary key, and the key's values."""
    columns = await connection.fetch(PRIMARY_KEY, relation.place)
    assert columns, f"{relation.place} has no primary key"
    names = ", ".join(f'"{column["name"]}"' for column in columns)
    row = await connection.fetchrow(
        f"SELECT {names} FROM {relation.place} WHERE {relation.tenant_column} = $1", filled.theirs
    )
    assert row is not None, f"the other organization has no row in {relation.place}"
    where = " AND ".join(f'"{column["name"]}" = ${place}' for place, column in enumerate(columns, start=1))
    return where, list(row)


async def done(connection: Connection, statement: str, *values: Any) -> int:
    """How many rows the statement reached; refused is none. It is undone in any case."""
    transaction = connection.transaction()
    await transaction.start()
    try:
        return int((await connection.execute(statement, *values)).rpartition(" ")[2])
    except asyncpg.ForeignKeyViolationError:
        # It was a row's references that held, so the row was reached.
        return 1
    except REFUSED:
        return 0
    finally:
        await transaction.rollback()


async def test_no_row_is_reached_by_its_key(filled: Filled, admin_of_filled: Connection) -> None:
    assert len(tables(filled)) >= 10
    reached = {}
    for relation in tables(filled):
        where, key = await their_key(admin_of_filled, filled, relation)
        column = relation.tenant_column
        async with as_service(filled, relation.schema, filled.mine) as connection:
            seen = await connection.fetch(f"SELECT * FROM {relation.place} WHERE {where}", *key)
            changed = await done(
                connection, f"UPDATE {relation.place} SET {column} = {column} WHERE {where}", *key
            )
            deleted = await done(connection, f"DELETE FROM {relation.place} WHERE {where}", *key)
        reached[relation.place] = (len(seen), changed, deleted)
    assert reached == dict.fromkeys(reached, (0, 0, 0))


async def test_no_statement_without_a_filter_reaches_beyond(filled: Filled) -> None:
    """At most the own row; without an organization nothing at all."""
    for relation in tables(filled):
        column = relation.tenant_column
        for organization, most in ((filled.mine, 1), (None, 0)):
            async with as_service(filled, relation.schema, organization) as connection:
                for statement in (
                    f"UPDATE {relation.place} SET {column} = {column}",
                    f"DELETE FROM {relation.place}",
                ):
                    assert await done(connection, statement) <= most, (relation.place, statement)


async def test_a_row_cannot_be_given_away_nor_added_elsewhere(filled: Filled) -> None:
    for relation in tables(filled):
        given = f"UPDATE {relation.place} SET {relation.tenant_column} = $1"
        async with as_service(filled, relation.schema, filled.mine) as connection:
            assert await done(connection, given, filled.theirs) == 0, relation.place
        for organization in (None, filled.mine):
            async with as_service(filled, relation.schema, organization) as connection:
                with pytest.raises(REFUSED):
                    await insert(connection, relation, filled.theirs)


@pytest.mark.parametrize("setting", ["", "00000000-0000-0000-0000-000000000000", "x' OR true --", "*"])
async def test_an_unset_or_empty_organization_shows_no_rows(filled: Filled, setting: str) -> None:
    for relation in readable(filled):
        async with as_service(filled, relation.schema, None) as connection:
            await connection.execute("SELECT set_config('app.organization_id', $1, true)", setting)
            try:
                count = await connection.fetchval(f"SELECT count(*) FROM {relation.place}")
            except asyncpg.DataError:
                count = 0
            assert count == 0, relation.place


async def test_an_unknown_user_sees_no_rows(filled: Filled) -> None:
    """`app.user_id` shows a user's own organizations and memberships; those of nobody are none."""
    for relation in readable(filled):
        async with as_service(filled, relation.schema, None) as connection:
            await connection.execute("SELECT set_config('app.user_id', $1, true)", str(uuid4()))
            assert await connection.fetchval(f"SELECT count(*) FROM {relation.place}") == 0, relation.place


async def test_views_write_no_further_than_they_show(filled: Filled) -> None:
    views = [relation for relation in readable(filled) if relation.kind == "v"]
    assert views
    for view in views:
        async with as_service(filled, view.schema, filled.mine) as connection:
            forged = (
                f"SELECT count(*) FROM {view.place} WHERE organization_id = $1 OR organization_id IS NOT NULL"
            )
            seen = await connection.fetch(f"SELECT DISTINCT organization_id FROM {view.place}")
            assert {row[0] for row in seen} <= {filled.mine}
            await connection.fetchval(forged, filled.theirs)
            for statement in (
                f"UPDATE {view.place} SET organization_id = organization_id WHERE organization_id = $1",
                f"DELETE FROM {view.place} WHERE organization_id = $1",
            ):
                try:
                    assert await done(connection, statement, filled.theirs) == 0, view.place
                except asyncpg.ObjectNotInPrerequisiteStateError:
                    # A view of groups cannot be written at all; the transaction is over.
                    break


async def test_every_table_has_an_organization_or_a_reason(admin_of_filled: Connection) -> None:
    rows = await admin_of_filled.fetch(PLAIN_TABLES, SERVICES)
    unexplained = [
        row["place"]
        for row in rows
        # A view may filter by the organization without showing it.
        if not row["filters"] and not {row["place"], row["name"]} & WITHOUT_ORGANIZATION.keys()
    ]
    assert unexplained == []


async def test_functions_that_act_as_owner_return_ids_and_counts_only(admin_of_filled: Connection) -> None:
    rows = await admin_of_filled.fetch(DEFINERS, SERVICES)
    assert len(rows) >= 5
    telling = {}
    for row in rows:
        columns = re.fullmatch(r"TABLE\((.*)\)|(?:SETOF )?(.*)", row["result"])
        assert columns is not None
        types = [part.split()[-1] for part in (columns[1] or columns[2]).split(",")]
        excused = row["place"] in ECHOES or row["place"].endswith(OF_THE_QUEUE)
        if not set(types) <= TELLING_LITTLE and not excused:
            telling[row["place"]] = row["result"]
    assert telling == {}
