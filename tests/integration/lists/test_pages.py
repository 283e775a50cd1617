"""Every list of the document, page by page and as a file, while rows are added."""

import csv
import io
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest

from shared.http.pages import Cursor, bind
from shared.settings import InstallationSettings
from tests.integration.lists.conftest import Filled
from tests.lists.seed import Seed, connect
from tests.lists.services import ListOperation, Services, all_services, lists
from tests.support.installation import TestDatabase
from tests.support.tokens import TokenIssuer

LISTS = lists()
NEVER = ["nonsense", "MjAyNi0wMS0wMVQwMDowMDowMHxub3QtYS11dWlk", "%00"]


COLUMNS = """
SELECT attname FROM pg_attribute WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped
"""
NEW = "gen_random_uuid()"
TEXT = "gen_random_uuid()::text"
# User 1 joins the new organizations, and other users those that they are not in yet.
JOIN = """
INSERT INTO auth.user_organizations (id, user_id, organization_id, role, joined_at)
SELECT gen_random_uuid(), $1, id, 'viewer', created_at FROM auth.organizations
UNION ALL
(SELECT gen_random_uuid(), u.id, m.organization_id, 'viewer', m.joined_at
 FROM auth.user_organizations m CROSS JOIN auth.users u
 ORDER BY random() LIMIT 200)
ON CONFLICT DO NOTHING
"""
COPIED: dict[str, dict[str, str]] = {
    "auth.users": {"id": NEW, "email": TEXT},
    "auth.organizations": {"id": NEW, "slug": TEXT},
    "auth.refresh_tokens": {"id": NEW, "family_id": NEW, "token_hash": TEXT},
    "auth.api_keys": {"id": NEW},
    "auth.invitations": {"id": NEW, "email": TEXT, "token_hash": TEXT},
    "auth.audit_logs": {"id": NEW},
    "auth.deletions": {"id": NEW},
    "machines.machines": {"id": NEW},
    "analysis.machine_refs": {"id": NEW},
    "analysis.config_data": {
        "id": "nextval('analysis.config_data_id_seq')",
        "version": "1000 + currval('analysis.config_data_id_seq')",
    },
    "analysis.analyses": {"id": NEW},
    "analysis.anomalies": {"id": NEW},
    # A template keeps one rule of a machine.
    "alerting.alert_rules": {"id": NEW, "template_id": "NULL"},
    "alerting.rule_templates": {"id": NEW},
    "alerting.alerts": {"id": NEW, "dedupe_key": TEXT},
    "alerting.deliveries": {"id": NEW, "message_id": NEW},
    "alerting.notification_resources": {"id": NEW, "name": TEXT},
    "analysis.sources": {"id": NEW, "name": TEXT},
    "analysis.source_files": {"id": NEW, "path": TEXT},
}


# Rows of lists that are short beside their table: so many of them are always copied, too.
FEW = {
    "analysis.analyses": ("baseline_version IS NOT NULL", 5),
    "analysis.source_files": ("source_id = '{source}'", 5),
    # Of five kinds, each with a list: some of each among the copies.
    "alerting.notification_resources": ("organization_id = '{organization}'", 60),
}


# By need, machines change their places: the runs that are added are summarized meanwhile.
STABLE_ORDER = {"list_fleet": {"sort": "name"}}


@dataclass(frozen=True)
class Place:
    services: Services
    database: TestDatabase
    seed: Seed
    headers: dict[str, str]

    def path(self, operation: ListOperation) -> str:
        ids = {f"{name}_id": self.seed.id(name, 1) for name in ("organization", "machine", "source")}
        return operation.path.format(**ids)

    async def page(self, operation: ListOperation, **query: Any) -> dict[str, Any]:
        response = await self.services.get(self.path(operation), self.headers, **query)
        assert response.status_code == 200, response.text
        return dict(response.json())

    async def all(self, operation: ListOperation) -> list[str]:
        response = await self.services.get(self.path(operation), {**self.headers, "Accept": "text/csv"})
        assert response.status_code == 200, response.text
        return [row[0] for row in list(csv.reader(io.StringIO(response.text, newline="")))[1:]]


@pytest.fixture(scope="module")
async def place(
    filled: Filled, installation: InstallationSettings, tokens: TokenIssuer
) -> AsyncIterator[Place]:
    headers = filled.seed.headers(tokens, 1)
    async with all_services(filled.database, installation) as services:
        yield Place(services, filled.database, filled.seed, headers)


class Walk:
    """One client that reads a list page by page."""

    def __init__(self, place: Place, operation: ListOperation, before: list[str]) -> None:
        self._place, self.operation, self.before = place, operation, before
        self._size = min(500, max(1, len(before) // 7))
        self._query = STABLE_ORDER.get(operation.id, {})
        self._cursor: dict[str, str] = {}
        self.seen: list[str] = []
        self.ended = False

    async def step(self) -> None:
        assert not self.ended, f"{self.operation.id} has too few pages"
        page = await self._place.page(self.operation, limit=self._size, **self._query, **self._cursor)
        # The first field of every list identifies the row.
        self.seen += [str(next(iter(item.values()))) for item in page["items"]]
        self.ended = page["next_cursor"] is None
        self._cursor = {"cursor": page["next_cursor"]}


async def test_every_row_of_every_list_is_seen_once_while_rows_are_added(place: Place) -> None:
    walks = [Walk(place, operation, await place.all(operation)) for operation in LISTS]
    for _ in range(2):
        for walk in walks:
            await walk.step()
        await _add_copies(place)
    for walk in walks:
        before, name = walk.before, walk.operation.id
        assert len(set(before)) == len(before) > 3, name
        while not walk.ended:
            await walk.step()
        assert sorted(set(walk.seen) & set(before)) == sorted(before), name
        assert len(set(walk.seen)) == len(walk.seen), name
        assert len(await place.all(walk.operation)) > len(before), name


async def _add_copies(place: Place) -> None:
    """Some rows of every table once more, with new ids: before, on and behind the page, with equal times."""
    admin = await connect(place.database.admin_dsn)
    ids = {name: place.seed.id(name, 1) for name in ("organization", "source")}
    try:
        await admin.execute("SET session_replication_role = replica")
        for table, unique in COPIED.items():
            columns = await admin.fetch(COLUMNS, table)
            taken = ", ".join(unique.get(row[0], f'"{row[0]}"') for row in columns)
            names = ", ".join(f'"{row[0]}"' for row in columns)
            for condition, limit in (("true", 60), *([FEW[table]] if table in FEW else [])):
                await admin.execute(
                    f"INSERT INTO {table} ({names})"
                    f" SELECT {taken} FROM {table} WHERE {condition.format(**ids)}"
                    f" ORDER BY random() LIMIT {limit}"
                )
        await admin.execute(JOIN, place.seed.id("user", 1))
    finally:
        await admin.close()


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.id)
async def test_a_cursor_that_no_list_gave_is_refused(place: Place, operation: ListOperation) -> None:
    for cursor in NEVER:
        response = await place.services.get(place.path(operation), place.headers, cursor=cursor)
        assert response.status_code == 422, response.text
        assert response.json()["errors"][0]["pointer"] == "/query/cursor"
    # A place in the order of another list would be one in this list, too.
    position = Cursor(place.seed.now, place.seed.id("organization", 2)).encode()
    foreign = bind(position, "/api/v1/another", [], None)
    found = await place.services.get(place.path(operation), place.headers, cursor=foreign)
    assert (found.status_code, found.json()["errors"][0]["pointer"]) == (422, "/query/cursor")
    assert "another list" in found.json()["detail"]


@pytest.mark.parametrize("operation", LISTS, ids=lambda operation: operation.id)
async def test_an_unknown_parameter_is_refused(place: Place, operation: ListOperation) -> None:
    for accept in ("application/json", "text/csv"):
        headers = {**place.headers, "Accept": accept}
        response = await place.services.get(place.path(operation), headers, machine="7")
        assert response.status_code == 422
        assert [error["pointer"] for error in response.json()["errors"]] == ["/query/machine"]
