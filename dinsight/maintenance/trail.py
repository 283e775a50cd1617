"""Step of the auth service: deletes old entries of the audit trail, exported first where asked for."""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from dinsight.administrator import owning
from dinsight.maintenance.context import Done, MaintenanceContext, within
from shared.digests import sha256_of
from shared.postgres.connection import Connection
from shared.postgres.copies import Column, to_copy, to_parquet
from shared.postgres.partitions import drop_before, drop_empty, partitions
from shared.postgres.patience import BLOCKED

SERVICE, TRAIL = "auth", "auth.audit_logs"
# Before every entry: nothing is due.
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
EXPORTS = "exports/audit-logs"
ORGANIZATIONS = "SELECT id, settings -> 'retention' AS retention FROM organizations ORDER BY id"
SIZE = "coalesce(sum(pg_column_size(t)), 0)"
COUNT = f"""
SELECT count(*) AS count, {SIZE} AS bytes FROM audit_logs t
WHERE organization_id IS NOT DISTINCT FROM $1 AND created_at < $2
"""  # noqa: S608 - a constant
# $1 are the organizations of which an entry of the month must stay.
WHOLE_MONTH = f"""
SELECT count(*) AS count, {SIZE} AS bytes,
       coalesce(bool_or(organization_id = ANY ($1::uuid[])), false) AS staying
FROM {{name}} t
"""  # noqa: S608 - a constant
DUE = """
SELECT id, created_at FROM audit_logs
WHERE organization_id IS NOT DISTINCT FROM $1 AND created_at < $2 ORDER BY created_at, id LIMIT $3
"""
# The time finds the partition; the id alone would look into each of them.
GONE = "t.id = ANY ($1::uuid[]) AND t.created_at BETWEEN $2 AND $3"
DELETE = f"""
WITH gone AS (DELETE FROM audit_logs t WHERE {GONE} RETURNING pg_column_size(t) AS size)
SELECT count(*) AS count, coalesce(sum(size), 0) AS bytes FROM gone
"""  # noqa: S608 - a constant
COLUMNS = (
    Column("id", "uuid"),
    Column("user_id", "uuid"),
    Column("api_key_id", "uuid"),
    Column("action", "text"),
    Column("resource_type", "text"),
    Column("resource_id", "uuid"),
    Column("changes", "jsonb"),
    Column("ip_address", "text"),
    Column("user_agent", "text"),
    Column("created_at", "timestamp with time zone"),
)
EXPORT = f"""
SELECT id, user_id, api_key_id, action::text, resource_type::text, resource_id, changes, host(ip_address),
       user_agent, created_at
FROM audit_logs t WHERE {GONE} ORDER BY created_at, id
"""  # noqa: S608 - a constant


class ExportDamaged(Exception):
    """What was read back is not what was exported; nothing was deleted."""


async def delete_entries(context: MaintenanceContext, connection: Connection) -> Done:
    """Drop months in which every entry is due; delete entries of the others in batches.

    While a machine of an organization is on legal hold, its trail stays whole. Entries that belong to no
    organization, such as sign-ins, have the installation's limit.
    """
    held = await context.on_hold(connection)
    async with within(connection, SERVICE):
        rows = await connection.fetch(ORGANIZATIONS)
    limits = {row["id"]: context.retention.limits(_mapping(row["retention"])) for row in rows}
    due: dict[UUID | None, datetime] = {None: context.now - context.retention.limits(None).audit_logs}
    due |= {name: NEVER if name in held else context.now - one.audit_logs for name, one in limits.items()}
    exporting = [name for name, one in limits.items() if one.export_audit_logs]
    done = Done(notes=(f"the trails of {len(held)} organization(s) with legal holds stay",) if held else ())
    for organization in exporting:
        done += await _of_organization(context, connection, organization, due[organization], export=True)
    if not context.dry_run:
        done += await _months(connection, due)
    for organization in due.keys() - exporting:
        done += await _of_organization(context, connection, organization, due[organization], export=False)
    if not context.dry_run:
        done += await _dropped(drop_empty, connection, due[None])
    return done


async def _months(connection: Connection, due: Mapping[UUID | None, datetime]) -> Done:
    """Drop the oldest months, up to the first with an entry that must stay."""
    before, count, size = NEVER, 0, 0
    for month in await partitions(connection, TRAIL):
        if month.upper is None or month.upper > due[None]:
            break
        staying = [name for name, end in due.items() if end < month.upper]
        async with within(connection, SERVICE):
            row = await connection.fetchrow(WHOLE_MONTH.format(name=month.name), staying)
        if row is None or row["staying"]:
            break
        before, count, size = month.upper, count + row["count"], size + int(row["bytes"])
    dropped = await _dropped(drop_before, connection, before)
    return dropped + Done(count, size)


async def _dropped(
    drop: Callable[[Connection, str, datetime], Awaitable[Sequence[str]]],
    connection: Connection,
    before: datetime,
) -> Done:
    try:
        async with owning(connection, SERVICE):
            names = await drop(connection, TRAIL, before)
    except BLOCKED:
        # Nobody sees the entries of the month any more.
        return Done(notes=("a month is dropped the next time: a long transaction is in the way",))
    return Done(notes=tuple(f"{name} was dropped" for name in names))


async def _of_organization(
    context: MaintenanceContext,
    connection: Connection,
    organization: UUID | None,
    before: datetime,
    *,
    export: bool,
) -> Done:
    if context.dry_run:
        async with within(connection, SERVICE):
            row = await connection.fetchrow(COUNT, organization, before)
        assert row is not None
        return Done(row["count"], int(row["bytes"]))
    done = Done()
    while True:
        async with within(connection, SERVICE):
            due = await connection.fetch(DUE, organization, before, context.batch)
        if not due:
            return done
        batch = ([row["id"] for row in due], due[0]["created_at"], due[-1]["created_at"])
        if export:
            assert organization is not None
            key = await _export(context, connection, organization, *batch)
            done += Done(notes=(key,))
        async with within(connection, SERVICE):
            row = await connection.fetchrow(DELETE, *batch)
        assert row is not None
        done += Done(row["count"], int(row["bytes"]))


async def _export(
    context: MaintenanceContext,
    connection: Connection,
    organization: UUID,
    ids: Sequence[UUID],
    first: datetime,
    last: datetime,
) -> str:
    """Store entries as Parquet under a name that depends on them, so that doing it again changes nothing."""
    with tempfile.TemporaryDirectory(prefix="dinsight-export-") as name:
        rows, parquet, back = (Path(name) / part for part in ("rows.copy", "rows.parquet", "back.copy"))
        async with within(connection, SERVICE):
            await connection.copy_from_query(EXPORT, ids, first, last, output=rows, format="binary")
        with rows.open("rb") as source:
            to_parquet(source, COLUMNS, parquet)
        digest = sha256_of(rows)
        key = f"{EXPORTS}/{organization}/{first:%Y-%m-%d}-{digest[:16]}.parquet"
        await context.storage.upload(key, parquet)
        await context.storage.download(key, parquet)
        with back.open("wb") as target:
            to_copy(parquet, target)
        if sha256_of(back) != digest:
            raise ExportDamaged(key)
    return key


def _mapping(value: object) -> dict[str, object]:
    """Settings from before there were limits may hold anything."""
    return value if isinstance(value, dict) else {}
