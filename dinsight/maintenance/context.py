"""Where the steps of maintenance work: the database as administrator, the object store, limits and time."""

from __future__ import annotations

import zlib
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any
from uuid import UUID

import asyncpg

from dinsight.administrator import acting_as, connected
from services.analysis.objects.store import Storage
from shared.clock import Clock, IdGenerator, SystemClock, time_ordered_id
from shared.postgres.connection import SET_SCOPE, Connection
from shared.retention import Limits, RetentionSettings
from shared.settings import InstallationSettings

# Rows of a batch are locked until it commits: few enough that no request waits long.
BATCH = 1000
# Another run may be at the same step; one that was killed holds its lock until the server has noticed.
LOCK_TIMEOUT = "30s"
LOCKS = 0x44494E54
HELD_MACHINES = "SELECT id FROM machines WHERE legal_hold"
HOLD = "UPDATE machine_refs SET legal_hold = true WHERE NOT legal_hold AND id = ANY ($1)"
HELD = "SELECT DISTINCT organization_id FROM machines WHERE legal_hold"
KNOWN = """
SELECT organization_id, coalesce(o.retention, '{}') AS retention
FROM (SELECT organization_id FROM machine_refs UNION SELECT organization_id FROM organization_refs) AS known
LEFT JOIN organization_refs AS o USING (organization_id) ORDER BY organization_id
"""


@dataclass(frozen=True)
class Done:
    """What a step has done, or would do: the number of things, and the bytes that they take."""

    count: int = 0
    bytes: int = 0
    notes: tuple[str, ...] = ()

    def __add__(self, other: Done) -> Done:
        return Done(self.count + other.count, self.bytes + other.bytes, self.notes + other.notes)


class AnotherRun(Exception):
    """Another run is executing the same step."""


@dataclass(frozen=True)
class MaintenanceContext:
    """With `dry_run`, steps count what they would do, and change nothing."""

    admin_dsn: str
    storage_url: str
    retention: RetentionSettings
    installation: InstallationSettings
    dry_run: bool = False
    clock: Clock = field(default_factory=SystemClock)
    new_id: IdGenerator = time_ordered_id
    batch: int = BATCH

    @cached_property
    def storage(self) -> Storage:
        return Storage.at(self.storage_url)

    @property
    def now(self) -> datetime:
        return self.clock.now()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Connection]:
        async with connected(self.admin_dsn, program="dinsight-maintenance") as connection:
            yield connection

    @asynccontextmanager
    async def alone(self, name: str) -> AsyncIterator[Connection]:
        """A connection; nobody else does the same step meanwhile. Raises AnotherRun."""
        key = zlib.crc32(name.encode()) >> 1
        async with self.connected() as connection:
            await connection.execute(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
            try:
                await connection.execute("SELECT pg_advisory_lock($1, $2)", LOCKS, key)
            except asyncpg.LockNotAvailableError:
                raise AnotherRun from None
            await connection.execute("RESET lock_timeout")
            yield connection

    async def limits(self, connection: Connection, service: str) -> Sequence[tuple[UUID, Limits]]:
        """The organizations that a service knows, each with its limits."""
        async with within(connection, service):
            rows = await connection.fetch(KNOWN)
        return [(row["organization_id"], self.retention.limits(row["retention"])) for row in rows]

    async def follow_holds(self, connection: Connection, service: str) -> None:
        """Set in a service's replica the legal holds of the machines service, whose events may be late."""
        if self.dry_run:
            return
        async with within(connection, "machines"):
            held = [row["id"] for row in await connection.fetch(HELD_MACHINES)]
        async with within(connection, service):
            await connection.execute(HOLD, held)

    async def on_hold(self, connection: Connection) -> frozenset[UUID]:
        """The organizations with a machine on legal hold."""
        async with within(connection, "machines"):
            return frozenset(row["organization_id"] for row in await connection.fetch(HELD))


@asynccontextmanager
async def within(
    connection: Connection, service: str, organization: UUID | None = None
) -> AsyncIterator[None]:
    """A transaction as the owner of a service's schema, in the scope of an organization."""
    async with connection.transaction(), acting_as(connection, service):
        await connection.execute(SET_SCOPE, str(organization or ""), "")
        yield


async def delete_rows(
    context: MaintenanceContext,
    connection: Connection,
    service: str,
    table: str,
    condition: str,
    *values: Any,
) -> Done:
    """Delete the rows `t` of a table that meet a condition, in batches; locked rows are left for later."""
    if context.dry_run:
        async with within(connection, service):
            counted = f"SELECT count(*), coalesce(sum(pg_column_size(t)), 0) FROM {table} t WHERE {condition}"  # noqa: S608
            count, size = await connection.fetchrow(counted, *values) or (0, 0)
        return Done(count, size)
    due = f"SELECT ctid FROM {table} t WHERE {condition} LIMIT {context.batch} FOR UPDATE OF t SKIP LOCKED"  # noqa: S608
    statement = f"""
        WITH gone AS (
            DELETE FROM {table} t WHERE ctid = ANY (ARRAY({due})) RETURNING pg_column_size(t) AS size)
        SELECT count(*), coalesce(sum(size), 0) FROM gone"""  # noqa: S608 - tables and conditions of our own
    done = Done()
    while True:
        async with within(connection, service):
            count, size = await connection.fetchrow(statement, *values) or (0, 0)
        done += Done(count, size)
        if count < context.batch:
            return done


def as_document(done: Done) -> Mapping[str, Any]:
    return {"count": done.count, "bytes": done.bytes, "notes": list(done.notes)}
