"""Partitions of one month each: made before the transaction that first needs them, dropped when they are
over.

A month's partition is a table of its own until it is attached, which lets everybody read and write meanwhile:
it only excludes other such changes of the same parent. So nothing is made long ahead, and there is no default
partition, beside which attaching would lock every reader out and detaching could not be concurrent. The SQL
is in `shared.postgres.ddl.month_partitions`.

Services use `MonthPartitions`. The functions that take a connection want an administrator's, outside of a
transaction and with the role of the schema's owner: they are for upkeep.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from shared.access import Scope
from shared.jobs.retry import RetryPolicy
from shared.months import month_of
from shared.postgres.connection import Connection, Database
from shared.postgres.patience import LOCK_TIMEOUT, RETRY, milliseconds, patiently

# Found by their names, which is fast; what has another name is found by `make_month_partition`.
MISSING = """
SELECT month FROM unnest($2::date[]) AS month
WHERE EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = $1::text::regclass)
  AND NOT EXISTS (
    SELECT FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = $1::text::regclass AND NOT i.inhdetachpending
      AND c.relname = $1 || to_char(month, '_YYYY_MM'))
ORDER BY month
"""
BOUNDS = """
SELECT part::text AS name, lower, upper, pending FROM {schema}.partition_bounds($1) ORDER BY lower, upper
"""
# A detached partition is known by its comment: only what is to be dropped gets one.
MARK = "Detached from {table}, to be dropped."
LEFT_BEHIND = """
SELECT c.oid::regclass::text FROM pg_class c JOIN pg_class parent ON parent.oid = $1::text::regclass
WHERE c.relnamespace = parent.relnamespace AND c.relkind = 'r' AND NOT c.relispartition
  AND obj_description(c.oid, 'pg_class') = $2
ORDER BY c.relname
"""


class Partitions(Protocol):
    async def ensure(self, table: str, times: Iterable[datetime]) -> None:
        """Make the partitions that rows with these times need, before the transaction that writes them."""
        ...

    async def ensure_coming(self, table: str, now: datetime) -> None:
        """Make the partitions of this month and the next one."""
        ...


class MonthPartitions:
    """Makes the month partitions of a service's tables."""

    def __init__(self, database: Database, *, retry: RetryPolicy = RETRY) -> None:
        self._database = database
        self._retry = retry

    async def ensure(self, table: str, times: Iterable[datetime]) -> None:
        """Make the partitions that rows with these times need, each in a transaction of its own.

        To be called before the transaction that writes the rows, not within it. Raises LockNotAvailableError,
        a transient error, if a partition could not be attached; DatetimeFieldOverflowError for times before
        1970 or more than two months ahead. A table without partitions needs none.
        """
        months = sorted({month_of(time) for time in times})
        if not months:
            return
        async with self._database.transaction(Scope()) as connection:
            missing = [row["month"] for row in await connection.fetch(MISSING, table, months)]
        for month in missing:
            await self._make(table, month)

    async def ensure_coming(self, table: str, now: datetime) -> None:
        """Make this month's partition and the next one, so that at midnight nobody has to."""
        await self.ensure(table, [now, (now.replace(day=1) + timedelta(days=32))])

    async def _make(self, table: str, month: date) -> None:
        async def once() -> None:
            async with self._database.transaction(Scope()) as connection:
                await _limit_waiting(connection, for_transaction=True)
                await connection.execute("SELECT make_month_partition($1, $2)", table, month)

        await patiently(once, what=f"{table} {month:%Y-%m}", retry=self._retry)


@dataclass(frozen=True, slots=True)
class Partition:
    """`name` is quoted, and qualified where it needs to be. `lower` is inclusive; None is unbounded.

    A `pending` partition is half detached: queries no longer see it.
    """

    name: str
    lower: datetime | None
    upper: datetime | None
    pending: bool


async def partitions(connection: Connection, table: str) -> Sequence[Partition]:
    """The partitions of a table (`schema.name`), oldest first."""
    schema = table.split(".")[0]
    rows = await connection.fetch(BOUNDS.format(schema=schema), table)
    return [
        Partition(row["name"], _bounded(row["lower"]), _bounded(row["upper"]), row["pending"]) for row in rows
    ]


async def drop_before(connection: Connection, table: str, before: datetime) -> Sequence[str]:
    """Drop the partitions that end before a time, and finish what an interrupted call left. Returns their
    names.

    Raises LockNotAvailableError if a long transaction is in the way: nobody sees the partition's rows any
    more, and the next call continues where this one stopped.
    """
    dropped = await _drop_left_behind(connection, table)
    for partition in await partitions(connection, table):
        if partition.upper is not None and partition.upper <= before:
            await _drop(connection, table, partition)
            dropped.append(partition.name)
    return dropped


async def drop_empty(connection: Connection, table: str, before: datetime) -> Sequence[str]:
    """Drop the partitions that end before a time and have no row, as above. Returns their names.

    Whoever writes a row of that month meanwhile finds no partition for it, and succeeds when trying again.
    """
    dropped = await _drop_left_behind(connection, table)
    for partition in await partitions(connection, table):
        over = partition.upper is not None and partition.upper <= before and not partition.pending
        if not over or not await _is_empty(connection, partition.name):
            continue
        await _detach(connection, table, partition)
        if await _is_empty(connection, partition.name):
            await _drop_table(connection, partition.name)
            dropped.append(partition.name)
        else:
            await _attach_again(connection, table, partition)
    return dropped


async def _drop(connection: Connection, table: str, partition: Partition) -> None:
    await _run(connection, f"COMMENT ON TABLE {partition.name} IS '{MARK.format(table=table)}'")
    await _detach(connection, table, partition)
    await _drop_table(connection, partition.name)


async def _detach(connection: Connection, table: str, partition: Partition) -> None:
    """Detach without excluding anybody. A half-detached partition, pending, is finished."""

    async def once() -> None:
        [found] = [p for p in await partitions(connection, table) if p.name == partition.name]
        how = "FINALIZE" if found.pending else "CONCURRENTLY"
        await _limit_waiting(connection)
        await connection.execute(f"ALTER TABLE {table} DETACH PARTITION {partition.name} {how}")

    await patiently(once, what=f"detaching {partition.name}")


async def _attach_again(connection: Connection, table: str, partition: Partition) -> None:
    lower = "MINVALUE" if partition.lower is None else f"'{partition.lower.isoformat()}'"
    upper = "MAXVALUE" if partition.upper is None else f"'{partition.upper.isoformat()}'"
    await _run(
        connection,
        f"ALTER TABLE {table} ATTACH PARTITION {partition.name} FOR VALUES FROM ({lower}) TO ({upper})",
    )


async def _drop_left_behind(connection: Connection, table: str) -> list[str]:
    """Drop what a call that died after detaching has left."""
    mark = MARK.format(table=table)
    names = [row[0] for row in await connection.fetch(LEFT_BEHIND, table, mark)]
    for name in names:
        await _drop_table(connection, name)
    return names


async def _drop_table(connection: Connection, name: str) -> None:
    await _run(connection, f"DROP TABLE IF EXISTS {name}")


async def _is_empty(connection: Connection, name: str) -> bool:
    return not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name})")  # noqa: S608 - a name of the catalog


async def _run(connection: Connection, statement: str) -> None:
    async def once() -> None:
        await _limit_waiting(connection)
        await connection.execute(statement)

    await patiently(once, what=statement.split(" FOR VALUES")[0])


async def _limit_waiting(connection: Connection, *, for_transaction: bool = False) -> None:
    await connection.execute(
        "SELECT set_config('lock_timeout', $1, $2)", milliseconds(LOCK_TIMEOUT), for_transaction
    )


def _bounded(time: datetime | None) -> datetime | None:
    """asyncpg reads PostgreSQL's infinities as the first and the last time that Python knows."""
    if time is None or time.replace(tzinfo=None) in (datetime.min, datetime.max):
        return None
    return time
