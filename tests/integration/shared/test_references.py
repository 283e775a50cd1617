"""References of partitioned tables, kept by triggers as foreign keys would keep them."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID, uuid4

import asyncpg
import pytest

from shared.access import Scope
from tests.integration.shared.partitioned import FAILS_AFTER, NOW, Place
from tests.support.waiting import eventually

WAITED_FOR = """
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
"""


async def deleted(place: Place, table: str, identifier: UUID) -> int:
    query = f"DELETE FROM {table} WHERE id = $1"
    return int((await place.owner.execute(query, identifier)).rpartition(" ")[2])


def references(place: Place) -> Sequence[tuple[str, int]]:
    """Tables that the row refers to without ON DELETE CASCADE, each with the place of its id."""
    found: dict[str, Sequence[tuple[str, int]]] = {
        "audit_logs": [("users", 0), ("organizations", 2)],
        "anomalies": [],
        "monitor_data": [],
    }
    return found[place.name]


async def test_a_row_refers_to_rows_that_exist(place: Place) -> None:
    await place.months.ensure(place.name, [NOW])
    await place.write(NOW)
    for table, number in references(place):
        with pytest.raises(asyncpg.ForeignKeyViolationError):
            await deleted(place, table, place.ids[number])
    if place.service == "analysis":
        unknown = replace(place, ids=(uuid4(), uuid4(), place.ids[2]))
        if place.name == "anomalies":
            with pytest.raises(asyncpg.ForeignKeyViolationError, match="is not in analyses"):
                await unknown.write(NOW)
        assert await deleted(place, "analyses", place.ids[0]) == 1
        assert await place.read() == 0


async def test_what_is_being_referred_to_is_not_deleted_behind_ones_back(place: Place) -> None:
    """Whoever deletes it waits until the row is there, and then deletes it too, or is refused."""
    await place.months.ensure(place.name, [NOW])
    table, identifier = ("users", place.ids[0]) if place.service == "auth" else ("analyses", place.ids[0])
    async with asyncio.timeout(FAILS_AFTER):
        async with place.database.transaction(Scope(organization_id=place.ids[2])) as connection:
            await place.insert(connection, NOW)
            deleting = asyncio.create_task(deleted(place, table, identifier))
            await eventually(lambda: connection.fetchval(WAITED_FOR), what="somebody who waits")
        if place.service == "auth":
            with pytest.raises(asyncpg.ForeignKeyViolationError):
                await deleting
        else:
            assert await deleting == 1
            assert await place.read() == 0
