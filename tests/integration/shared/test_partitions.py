"""Month partitions: made when they are needed and dropped when they are over, without stopping anybody."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from shared.access import Scope
from shared.jobs.retry import RetryPolicy
from shared.postgres.partitions import Mark, drop_before, drop_empty, partitions
from tests.integration.shared.partitioned import FAILS_AFTER, NOW, Place, month

SOON = RetryPolicy(2, first_delay=timedelta(seconds=0.1), max_delay=timedelta(seconds=0.1))


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
