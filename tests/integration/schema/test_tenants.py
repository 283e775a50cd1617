"""Row-level security on every tenant table, tried with the services' own logins and rows of two tenants."""

import asyncpg
import pytest

from tests.integration.schema.tenants import WRITE_ONLY, Filled, as_service, insert, readable

# The specification's list; every plain table with organization_id must be guarded too.
NAMED_IN_THE_SPECIFICATION = {
    "auth.organizations",
    "machines.machines",
    "analysis.analyses",
    "alerting.alerts",
}


def test_every_tenant_table_is_guarded(filled: Filled) -> None:
    assert {relation.place for relation in filled.relations} >= NAMED_IN_THE_SPECIFICATION
    open_tables = [
        relation.place
        for relation in filled.relations
        # A hypertable with compression cannot be forced, a materialized view cannot at all: no right then.
        if relation.kind in "rpm" and not relation.forced and relation.any_right
    ]
    assert open_tables == []
    plain = [r for r in filled.relations if r.kind in "rp" and not r.is_partition]
    assert {r.place for r in plain if not r.forced} <= {"analysis.monitor_data"}


def test_tenant_views_are_security_barriers(filled: Filled) -> None:
    views = [r for r in filled.relations if r.kind == "v" and r.any_right]
    assert [v.place for v in views if not v.barrier and v.place not in WRITE_ONLY] == []


async def test_a_partition_named_directly_shows_nothing(filled: Filled) -> None:
    partitions = [r for r in filled.relations if r.is_partition]
    assert partitions
    for partition in partitions:
        async with as_service(filled, partition.schema, filled.mine) as connection:
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.fetch(f"SELECT * FROM {partition.place}")


async def test_without_an_organization_no_row_is_seen(filled: Filled) -> None:
    seen = {}
    for relation in readable(filled):
        async with as_service(filled, relation.schema, None) as connection:
            seen[relation.place] = await connection.fetchval(f"SELECT count(*) FROM {relation.place}")
    assert len(seen) >= len(NAMED_IN_THE_SPECIFICATION)
    assert seen == dict.fromkeys(seen, 0)


async def test_only_the_callers_organization_is_visible(filled: Filled) -> None:
    for relation in readable(filled):
        column = relation.tenant_column
        async with as_service(filled, relation.schema, filled.mine) as connection:
            seen = await connection.fetch(f"SELECT {column} FROM {relation.place}")
            assert {row[0] for row in seen} == {filled.mine}, relation.place
            forged = f"SELECT count(*) FROM {relation.place} WHERE {column} = $1 OR true AND {column} = $1"
            assert await connection.fetchval(forged, filled.theirs) == 0, relation.place


async def test_another_organizations_rows_cannot_be_written(filled: Filled) -> None:
    for relation in readable(filled):
        if relation.kind == "v":
            continue
        column = relation.tenant_column
        async with as_service(filled, relation.schema, filled.mine) as connection:
            for statement in (
                f"UPDATE {relation.place} SET {column} = {column} WHERE {column} = $1",
                f"DELETE FROM {relation.place} WHERE {column} = $1",
            ):
                try:
                    async with connection.transaction():
                        assert (await connection.execute(statement, filled.theirs)).endswith(" 0")
                except asyncpg.InsufficientPrivilegeError:
                    # An append-only table: nobody may.
                    assert relation.place == "auth.audit_logs"
            with pytest.raises((asyncpg.InsufficientPrivilegeError, asyncpg.CheckViolationError)):
                await insert(connection, relation, filled.theirs)
