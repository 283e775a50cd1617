"""Month partitions: made when they are needed and dropped when they are over, without stopping anybody."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import asyncpg
import pytest

from dinsight.provision.migrations import upgrade
from shared.access import Scope
from shared.jobs.retry import RetryPolicy
from shared.postgres.connection import Connection, Database
from shared.postgres.partitions import Mark, MonthPartitions, drop_before, drop_empty, partitions
from tests.support.installation import TestDatabase, create_database, drop_database
from tests.support.waiting import eventually

# Only a fault takes so long.
FAILS_AFTER = 60
SOON = RetryPolicy(2, first_delay=timedelta(seconds=0.1), max_delay=timedelta(seconds=0.1))
TABLES = {
    "analysis.anomalies": (
        "machine_refs analyses dinsight_data file_uploads",
        "INSERT INTO anomalies (analysis_id, machine_id, organization_id, sample_index, severity, distance,"
        ' threshold, features, x, y, "timestamp")'
        " VALUES ($1, $2, $3, 0, 'high', 2, 1, '{}', 0, 0, $4)",
    ),
    "analysis.monitor_data": (
        "machine_refs analyses dinsight_data file_uploads",
        "INSERT INTO monitor_data (dinsight_id, analysis_id, organization_id, process_order, samples,"
        " monitor_values, x_values, y_values, created_at)"
        " SELECT dinsight_id, id, $3, (random() * 2e9)::integer, 1, '{1}', '{1}',"
        " '{1}', $4 FROM analyses WHERE id = $1 AND machine_id = $2",
    ),
    "auth.audit_logs": (
        "users organizations",
        "INSERT INTO audit_logs (user_id, organization_id, action, resource_id, created_at)"
        " VALUES ($1, $3, 'tested', $2, $4)",
    ),
}


@dataclass
class Place:
    """One partitioned table, its service's pool, and rows that its rows can refer to."""

    table: str
    created: TestDatabase
    database: Database
    owner: Connection
    ids: tuple[UUID, UUID, UUID]

    @property
    def name(self) -> str:
        return self.table.split(".")[1]

    @property
    def service(self) -> str:
        return self.table.split(".")[0]

    @property
    def months(self) -> MonthPartitions:
        return MonthPartitions(self.database)

    async def names(self) -> list[str]:
        return [partition.name for partition in await partitions(self.owner, self.table)]

    async def insert(self, connection: Connection, time: datetime) -> None:
        await connection.execute(TABLES[self.table][1], *self.ids, time)

    async def write(self, time: datetime) -> None:
        """What a request does that writes."""
        async with self.database.transaction(Scope(organization_id=self.ids[2])) as connection:
            await self.insert(connection, time)

    async def read(self) -> int:
        """What a request does that reads."""
        async with self.database.transaction(Scope(organization_id=self.ids[2])) as connection:
            return int(await connection.fetchval(f"SELECT count(*) FROM {self.name}"))

    async def connect(self) -> Connection:
        return await asyncpg.connect(self.created.admin_dsn)

    @asynccontextmanager
    async def dump(self) -> AsyncIterator[None]:
        """A long transaction that has read every table, as a dump's."""
        reader = await self.connect()
        try:
            async with reader.transaction(isolation="repeatable_read", readonly=True):
                for row in await reader.fetch(
                    "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p')"
                    " AND relnamespace = $1::text::regnamespace",
                    self.service,
                ):
                    await reader.fetch(f"SELECT count(*) FROM {row[0]}")
                yield
        finally:
            await reader.close()

    @asynccontextmanager
    async def written(self, time: datetime) -> AsyncIterator[None]:
        """A transaction that has written to the table, and changed what its rows refer to, and is open."""
        writer = await self.connect()
        try:
            async with writer.transaction():
                await writer.execute(f"SET LOCAL search_path = {self.service}, public")
                for table in TABLES[self.table][0].split():
                    await writer.execute(f"UPDATE {table} SET id = id")
                await self.insert(writer, time)
                yield
        finally:
            await writer.close()


@pytest.fixture(scope="module")
async def created(postgres_admin_dsn: str) -> AsyncIterator[TestDatabase]:
    created = await create_database(postgres_admin_dsn)
    for service in ("auth", "analysis"):
        await asyncio.to_thread(upgrade, service, created.admin_dsn)
    yield created
    await drop_database(postgres_admin_dsn, created)


@pytest.fixture(params=TABLES)
async def place(created: TestDatabase, request: pytest.FixtureRequest) -> AsyncIterator[Place]:
    table: str = request.param
    service = table.split(".")[0]
    async with AsyncExitStack() as stack:
        database = Database(created.dsn(service), service=service, pool_size=5)
        await stack.enter_async_context(database)
        owner = await asyncpg.connect(created.admin_dsn)
        stack.push_async_callback(owner.close)
        if await owner.fetchval("SELECT relkind <> 'p' FROM pg_class WHERE oid = $1::text::regclass", table):
            pytest.skip("a hypertable has chunks, which TimescaleDB makes")
        await owner.execute(f"SET search_path = {service}, public")
        ids = await add_referenced(owner, service)
        await owner.execute(f"SET ROLE dinsight_{service}_owner")
        yield Place(table, created, database, owner, ids)


async def add_referenced(owner: Connection, service: str) -> tuple[UUID, UUID, UUID]:
    first, second, organization = uuid4(), uuid4(), uuid4()
    if service == "auth":
        await owner.execute(
            "INSERT INTO users (id, email, password_hash, full_name) VALUES ($1, $1::uuid::text, 'x', 'x')",
            first,
        )
        await owner.execute(
            "INSERT INTO organizations (id, name, slug) VALUES ($1, 'x', $1::uuid::text)", organization
        )
        return first, second, organization
    upload, plan = uuid4(), uuid4()
    await owner.execute(
        "INSERT INTO machine_refs (id, organization_id, name, status, version, changed_at)"
        " VALUES ($1, $2, 'Pump', 'active', 1, now())",
        second,
        organization,
    )
    await owner.execute(
        "INSERT INTO file_uploads (id, organization_id, original_filename, file_size)"
        " VALUES ($1, $2, 'x.csv', 1)",
        upload,
        organization,
    )
    config = await owner.fetchval(
        "INSERT INTO config_data (organization_id) VALUES ($1) RETURNING id", organization
    )
    await owner.execute(
        "INSERT INTO dinsight_data (id, file_upload_id, config_id, x_values, y_values, organization_id)"
        " VALUES ($1, $2, $3, '{0}', '{0}', $4)",
        plan,
        upload,
        config,
        organization,
    )
    await owner.execute(
        "INSERT INTO analyses (id, machine_id, file_upload_id, dinsight_id, analysis_type, created_by,"
        " organization_id) VALUES ($1, $2, $3, $4, 'monitoring', $5, $6)",
        *(first, second, upload, plan, uuid4(), organization),
    )
    return first, second, organization


WAITED_FOR = """
SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))
"""


def month(year: int, number: int, day: int = 10) -> datetime:
    return datetime(year, number, day, tzinfo=UTC)


NOW = datetime.now(UTC)


async def test_neither_a_dump_nor_a_writer_is_in_the_way_of_a_new_month(place: Place) -> None:
    """And while it is made, and as long as they last, others read and write."""
    async with asyncio.timeout(FAILS_AFTER), place.dump(), place.written(NOW):
        before = await place.read()
        await place.months.ensure(place.name, [month(1999, 3), month(1999, 4)])
        await asyncio.gather(place.write(month(1999, 3)), place.write(NOW), place.write(month(1999, 4)))
        assert await place.read() == before + 3
    assert await place.read() == before + 4
    assert {f"{place.name}_1999_03", f"{place.name}_1999_04"} <= set(await place.names())


async def test_many_who_need_a_month_at_once_make_it_once(place: Place) -> None:
    wanted = [month(1998, 1), month(1998, 2, 28)]
    await asyncio.gather(*(place.months.ensure(place.name, wanted) for _ in range(8)))
    await place.months.ensure(place.name, wanted)
    names = await place.names()
    assert [name for name in names if "1998" in name] == [f"{place.name}_1998_01", f"{place.name}_1998_02"]


async def test_the_bounds_of_a_month(place: Place) -> None:
    last = datetime(1997, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
    await place.months.ensure(place.name, [last, last + timedelta(microseconds=1)])
    await place.write(last)
    await place.write(last + timedelta(microseconds=1))
    found = {p.name: p for p in await partitions(place.owner, place.table)}
    december = found[f"{place.name}_1997_12"]
    assert (december.lower, december.upper) == (month(1997, 12, 1), month(1998, 1, 1))
    for name in (f"{place.name}_1997_12", f"{place.name}_1998_01"):
        assert await place.owner.fetchval(f"SELECT count(*) FROM {name}") >= 1


@pytest.mark.parametrize("time", [month(1969, 12, 31), NOW + timedelta(days=200), month(9999, 12)])
async def test_months_that_cannot_be_are_refused(place: Place, time: datetime) -> None:
    with pytest.raises(asyncpg.DatetimeFieldOverflowError, match="gets no partition"):
        await place.months.ensure(place.name, [time])


async def test_months_that_are_over_are_dropped(place: Place) -> None:
    await place.months.ensure(place.name, [month(1990, 1), month(1990, 2), month(1990, 3)])
    await place.write(month(1990, 1))
    await place.write(month(1990, 3))
    dropped = await drop_before(place.owner, place.table, month(1990, 3, 1))
    assert [name for name in dropped if "1990" in name] == [f"{place.name}_1990_0{n}" for n in (1, 2)]
    assert f"{place.name}_1990_03" in await place.names()
    assert await place.owner.fetchval("SELECT to_regclass($1)", f"{place.table}_1990_01") is None
    assert await drop_before(place.owner, place.table, month(1990, 3, 1)) == []


async def test_a_dump_delays_the_end_of_a_month_and_nobody_else(place: Place) -> None:
    await place.months.ensure(place.name, [month(1985, 1), NOW])
    await place.write(month(1985, 1))
    async with asyncio.timeout(FAILS_AFTER):
        async with place.dump():
            dropping = asyncio.create_task(
                drop_before(place.owner, place.table, month(1985, 2, 1), retry=SOON)
            )
            while not dropping.done():
                await place.write(NOW)
                await place.read()
            with pytest.raises(asyncpg.LockNotAvailableError):
                await dropping
            # Half detached, it is no longer seen; other months come nevertheless, and so does this one.
            [pending] = [p for p in await partitions(place.owner, place.table) if p.pending]
            assert pending.name == f"{place.name}_1985_01"
            await place.months.ensure(place.name, [month(1986, 1)])
            await place.write(month(1986, 1))
        assert await drop_before(place.owner, place.table, month(1985, 2, 1)) == [pending.name]
    await place.months.ensure(place.name, [month(1985, 1)])
    await place.write(month(1985, 1))


async def test_a_half_detached_month_that_is_needed_again_is_made_anew(place: Place) -> None:
    await place.months.ensure(place.name, [month(1984, 1)])
    async with asyncio.timeout(FAILS_AFTER):
        async with place.dump():
            with pytest.raises(asyncpg.LockNotAvailableError):
                await drop_before(place.owner, place.table, month(1984, 2, 1), retry=SOON)
        await place.months.ensure(place.name, [month(1984, 1)])
    await place.write(month(1984, 1))
    assert [name for name in await place.names() if "1984" in name] == [f"{place.name}_1984_01_"]
    # The old one waits to be dropped; the new one is as old.
    assert await drop_before(place.owner, place.table, month(1984, 2, 1)) == [
        f"{place.name}_1984_01",
        f"{place.name}_1984_01_",
    ]


async def test_what_died_between_detaching_and_dropping_is_finished(place: Place) -> None:
    await place.months.ensure(place.name, [month(1980, 1), month(1980, 2)])
    await place.write(month(1980, 1))
    name = f"{place.name}_1980_01"
    await place.owner.execute(f"COMMENT ON TABLE {name} IS '{Mark.DROP.of(place.table)}'")
    await place.owner.execute(f"ALTER TABLE {place.table} DETACH PARTITION {name} CONCURRENTLY")
    # A table that somebody else has detached, or not yet attached, is not ours to drop.
    other = f"{place.name}_1980_02"
    await place.owner.execute(f"ALTER TABLE {place.table} DETACH PARTITION {other} CONCURRENTLY")
    assert await drop_before(place.owner, place.table, month(1970, 1)) == [name]
    assert await place.owner.fetchval("SELECT to_regclass($1)", other) is not None


async def test_empty_months_are_dropped_and_rows_that_came_late_put_back(place: Place) -> None:
    await place.months.ensure(place.name, [month(1975, 1), month(1975, 2), month(1975, 3)])
    await place.write(month(1975, 2))
    await place.write(month(1975, 3))
    late = f"{place.name}_1975_03"
    await place.owner.execute(f"COMMENT ON TABLE {late} IS '{Mark.DROP_IF_EMPTY.of(place.table)}'")
    await place.owner.execute(f"ALTER TABLE {place.table} DETACH PARTITION {late} CONCURRENTLY")
    before = await place.read()
    assert await drop_empty(place.owner, place.table, month(1976, 1)) == [f"{place.name}_1975_01"]
    assert await place.read() == before + 1
    await place.write(month(1975, 3))


async def test_partitions_show_the_service_nothing(place: Place) -> None:
    await place.months.ensure(place.name, [month(1974, 1)])
    async with place.database.transaction(Scope()) as connection:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.fetch(f"SELECT * FROM {place.name}_1974_01")


async def test_a_plain_table_needs_no_months(place: Place) -> None:
    await place.months.ensure("outbox", [NOW])


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
        unknown: Any = Place(
            place.table, place.created, place.database, place.owner, (uuid4(), uuid4(), place.ids[2])
        )
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
