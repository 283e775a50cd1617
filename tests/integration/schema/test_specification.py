"""The live catalogs against the specification: what differs or was added is listed."""

from collections.abc import Mapping

import pytest

from shared.postgres.connection import Connection
from tests.integration.schema import page
from tests.integration.schema.catalog import SLICES, Table, additions, differences
from tests.integration.schema.deviations import DEVIATIONS

# Explained once for all services.
IN_EVERY_SLICE = frozenset({"outbox", "inbox", "idempotency_keys", "alembic_version"})
TABLES_AND_VIEWS = """
SELECT n.nspname || '.' || c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p', 'v', 'm') AND NOT c.relispartition
"""


def test_the_specification_has_fifteen_tables(specification: Mapping[str, Table]) -> None:
    assert len(specification) == 15
    assert specification["config_data"].facts["column alpha"] == "double precision NOT NULL DEFAULT 0.1"
    assert specification["feature_data"].facts["column feature_values"] == "double precision[][] NOT NULL"


@pytest.mark.parametrize("name", SLICES)
def test_a_table_differs_only_where_it_is_listed(
    name: str, specification: Mapping[str, Table], installed: Mapping[str, Table]
) -> None:
    listed = {deviation.what: deviation.found for deviation in DEVIATIONS if deviation.table == name}
    differing = differences(specification[name], installed.get(name))
    unlisted = [str(d) for d in differing if d.what not in listed or listed[d.what] != d.found]
    assert unlisted == []
    assert set(listed) - {difference.what for difference in differing} == set(), "no longer deviates"


def test_every_deviation_has_a_reason_and_a_table() -> None:
    assert {deviation.table for deviation in DEVIATIONS} <= set(SLICES)
    assert all(deviation.reason for deviation in DEVIATIONS)
    keys = [(deviation.table, deviation.what) for deviation in DEVIATIONS]
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("name", SLICES)
def test_every_added_object_is_documented(
    name: str, specification: Mapping[str, Table], installed: Mapping[str, Table]
) -> None:
    listed = set(page.added().get(f"{SLICES[name]}.{name}", {}))
    found = set(additions(specification[name], installed[name]))
    assert found - listed == set()
    assert listed - found == set(), "listed, but not there"


async def test_further_tables_are_on_the_page(admin: Connection) -> None:
    slices = sorted(set(SLICES.values()))
    found = {row[0] for row in await admin.fetch(TABLES_AND_VIEWS, slices)}
    known = {f"{schema}.{table}" for table, schema in SLICES.items()}
    known |= {f"{schema}.{table}" for schema in slices for table in IN_EVERY_SLICE}
    assert found - known == set(page.bullets(page.section("Further tables and views")))
