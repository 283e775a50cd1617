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
from enum import StrEnum
from typing import Protocol

from asyncpg import LockNotAvailableError

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
# The partition key, and the months of a table's rows.
KEY = """
SELECT quote_ident(a.attname) FROM pg_partitioned_table p
JOIN pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = p.partattrs[0]
WHERE p.partrelid = $1::text::regclass
"""
MONTHS = "SELECT DISTINCT date_trunc('month', {key} AT TIME ZONE 'UTC')::date FROM {name}"
# A detached partition is known by its comment.
LEFT_BEHIND = """
SELECT c.oid::regclass::text AS name, obj_description(c.oid, 'pg_class') AS mark
FROM pg_class c JOIN pg_class parent ON parent.oid = $1::text::regclass
WHERE c.relnamespace = parent.relnamespace AND c.relkind = 'r' AND NOT c.relispartition
  AND obj_description(c.oid, 'pg_class') = ANY ($2)
ORDER BY c.relname
"""


class Mark(StrEnum):
    """What is to become of a partition that is detached."""

    DROP = "Detached from {table}, to be dropped."
    DROP_IF_EMPTY = "Detached from {table}, to be dropped if it is empty."

    def of(self, table: str) -> str:
        return self.value.format(table=table)


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


async def make_months(
    connection: Connection, table: str, months: Iterable[date], *, retry: RetryPolicy = RETRY
) -> None:
    """Make the partitions of these months, as `MonthPartitions.ensure` does. A plain table needs none."""
    schema, name = table.split(".")
    if await connection.fetchval(KEY, table) is None:
        return

    for month in months:

        async def once(month: date = month) -> None:
            async with connection.transaction():
                await _limit_waiting(connection, for_transaction=True)
                await connection.execute(f"SELECT {schema}.make_month_partition($1, $2)", name, month)

        await patiently(once, what=f"{table} {month:%Y-%m}", retry=retry)


async def drop_before(
    connection: Connection, table: str, before: datetime, *, retry: RetryPolicy = RETRY
) -> Sequence[str]:
    """Drop the partitions that end before a time, and finish what an interrupted call left.

    Returns the names of the dropped tables. Raises LockNotAvailableError if a long transaction is in the way:
    nobody sees the partition's rows any more, and the next call continues where this one stopped.
    """
    dropped = await _finish(connection, table, retry)
    for partition in await partitions(connection, table):
        if partition.upper is not None and partition.upper <= before:
            await _detach(connection, table, partition.name, Mark.DROP, retry)
            await _run(connection, f"DROP TABLE {partition.name}", retry)
            dropped.append(partition.name)
    return dropped


async def drop_empty(
    connection: Connection, table: str, before: datetime, *, retry: RetryPolicy = RETRY
) -> Sequence[str]:
    """Drop the partitions that end before a time and have no row, as above.

    Whoever writes a row of that month meanwhile finds no partition for it, and succeeds when trying again.
    """
    dropped = await _finish(connection, table, retry)
    for partition in await partitions(connection, table):
        over = partition.upper is not None and partition.upper <= before
        if over and await _is_unused(connection, partition.name):
            await _detach(connection, table, partition.name, Mark.DROP_IF_EMPTY, retry)
            if await _drop_if_empty(connection, table, partition.name, retry):
                dropped.append(partition.name)
    return dropped


async def _is_unused(connection: Connection, name: str) -> bool:
    """Whether the partition is empty, and nobody is writing to it at the moment."""
    try:
        async with connection.transaction():
            await _limit_waiting(connection, for_transaction=True)
            await connection.execute(f"LOCK TABLE {name} IN SHARE MODE")
            return await _is_empty(connection, name)
    except LockNotAvailableError:
        return False


async def _finish(connection: Connection, table: str, retry: RetryPolicy) -> list[str]:
    """Finish detaching, and drop what was detached, where an earlier call was interrupted."""
    for partition in await partitions(connection, table):
        if partition.pending:
            statement = f"ALTER TABLE {table} DETACH PARTITION {partition.name} FINALIZE"
            await _run(connection, statement, retry)
    dropped = []
    for row in await connection.fetch(LEFT_BEHIND, table, [mark.of(table) for mark in Mark]):
        if row["mark"] == Mark.DROP.of(table):
            await _run(connection, f"DROP TABLE {row['name']}", retry)
            dropped.append(row["name"])
        elif await _drop_if_empty(connection, table, row["name"], retry):
            dropped.append(row["name"])
    return dropped


async def _detach(connection: Connection, table: str, name: str, mark: Mark, retry: RetryPolicy) -> None:
    """Detach a partition without excluding anybody, and say first what is to become of it."""
    await _run(connection, f"COMMENT ON TABLE {name} IS '{mark.of(table)}'", retry)

    async def once() -> None:
        found = [partition for partition in await partitions(connection, table) if partition.name == name]
        # Who still has the partition in his plan is waited for, while others go on; not for longer than a
        # second, after which it stays half detached.
        how = "FINALIZE" if found[0].pending else "CONCURRENTLY"
        await _limit_waiting(connection)
        await connection.execute(f"ALTER TABLE {table} DETACH PARTITION {name} {how}")

    await patiently(once, what=f"detaching {name}", retry=retry)


async def _drop_if_empty(connection: Connection, table: str, name: str, retry: RetryPolicy) -> bool:
    """Drop a detached partition. Rows that came just before it was detached are put back, and it is False."""
    if await _is_empty(connection, name):
        await _run(connection, f"DROP TABLE {name}", retry)
        return True
    key = await connection.fetchval(KEY, table)
    rows = await connection.fetch(MONTHS.format(key=key, name=name))
    await make_months(connection, table, [row[0] for row in rows], retry=retry)

    async def once() -> None:
        async with connection.transaction():
            await _limit_waiting(connection, for_transaction=True)
            await connection.execute(f"INSERT INTO {table} SELECT * FROM {name}")  # noqa: S608 - see above
            await connection.execute(f"DROP TABLE {name}")

    await patiently(once, what=f"putting back {name}", retry=retry)
    return False


async def _is_empty(connection: Connection, name: str) -> bool:
    return not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {name})")  # noqa: S608 - see above


async def _run(connection: Connection, statement: str, retry: RetryPolicy) -> None:
    async def once() -> None:
        await _limit_waiting(connection)
        await connection.execute(statement)

    await patiently(once, what=statement.split(" FOR VALUES")[0], retry=retry)


async def _limit_waiting(connection: Connection, *, for_transaction: bool = False) -> None:
    await connection.execute(
        "SELECT set_config('lock_timeout', $1, $2)", milliseconds(LOCK_TIMEOUT), for_transaction
    )


def _bounded(time: datetime | None) -> datetime | None:
    """asyncpg reads PostgreSQL's infinities as the first and the last time that Python knows."""
    if time is None or time.replace(tzinfo=None) in (datetime.min, datetime.max):
        return None
    return time
