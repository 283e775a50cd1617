"""Compresses old monitoring results and features, without losing a bit; services read them as before.

Every batch is a transaction that takes only rows nobody else has locked, compares what it packed with what
was stored, and then replaces the rows. So it can run twice, in parallel, and be killed anywhere.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg
import numpy as np
import structlog

from dinsight.administrator import acting_as, owning
from dinsight.maintenance import columnstore
from dinsight.maintenance.context import Done, MaintenanceContext
from services.analysis.database.arrays import decode_floats, encode_floats
from services.analysis.database.packing import pack_floats, pack_points, unpack_floats, unpack_points
from services.analysis.results.domain import PointChunk
from shared.postgres.connection import Connection
from shared.postgres.partitions import drop_empty
from shared.postgres.patience import BLOCKED

# The specification's age of monitoring results; TimescaleDB's policy has the same.
MONITOR_AFTER = timedelta(days=183)
EMPTIED = (f"analysis.{columnstore.TABLE}", "analysis.anomalies")
# Features take most of the space, and are seldom read after the days in which a run is looked at.
FEATURES_AFTER = timedelta(days=30)
# Rows of a batch are locked and in memory: 512 samples of 1,024 features are 4 MB.
FEATURE_ROWS, MONITOR_ROWS = 4, 64
# Whoever deletes an analysis may hold locks; what cannot be had soon is compressed the next time.
LOCK_TIMEOUT = "SET LOCAL lock_timeout = '5s'"
START = (datetime(1, 1, 1, tzinfo=UTC), UUID(int=0))

BYTES = """
pg_column_size(m.x_values) + pg_column_size(m.y_values) + pg_column_size(m.monitor_values)
+ coalesce(pg_column_size(m.misfit_values), 0) + coalesce(pg_column_size(m.anomaly_values), 0)
+ coalesce(pg_column_size(m.metadata), 0)
"""
# Locks an analysis before its rows, as everybody does who deletes one.
PICK_POINTS = f"""
WITH picked AS MATERIALIZED (
    SELECT m.id, m.created_at FROM monitor_data m JOIN analyses a ON a.id = m.analysis_id
    WHERE m.created_at < $1 AND (m.created_at, m.id) > ($2, $3) AND a.status = 'completed'
    ORDER BY m.created_at, m.id LIMIT $4
    FOR KEY SHARE OF a SKIP LOCKED FOR UPDATE OF m SKIP LOCKED)
SELECT m.id, m.dinsight_id, m.analysis_id, m.process_order, m.created_at, m.organization_id, m.first_sample,
       m.samples, array_send(m.x_values) AS x, array_send(m.y_values) AS y,
       array_send(m.monitor_values) AS distance, array_send(m.misfit_values) AS misfit,
       m.anomaly_values AS anomaly, m.metadata::text AS metadata, {BYTES} AS bytes
FROM picked JOIN monitor_data m USING (id, created_at) ORDER BY created_at, id
"""  # noqa: S608 - a constant
PICK_FEATURES = """
WITH picked AS MATERIALIZED (
    SELECT id FROM feature_data
    WHERE packed IS NULL AND created_at < $1 AND (created_at, id) > ($2, $3)
    ORDER BY created_at, id LIMIT $4
    FOR NO KEY UPDATE SKIP LOCKED)
SELECT id, created_at, array_send(feature_values) AS features, pg_column_size(feature_values) AS bytes
FROM picked JOIN feature_data USING (id) ORDER BY created_at, id
"""
STORE_POINTS = """
INSERT INTO monitor_packed (id, dinsight_id, analysis_id, process_order, created_at, organization_id,
                            first_sample, samples, anomalies, highest_distance, packed)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
"""
# The first columns of STORE_POINTS are the row's own.
KEPT = (
    "id",
    "dinsight_id",
    "analysis_id",
    "process_order",
    "created_at",
    "organization_id",
    "first_sample",
    "samples",
)
REMOVE_POINTS = "DELETE FROM monitor_data WHERE id = $1 AND created_at = $2"
STORE_FEATURES = "UPDATE feature_data SET feature_values = '{}', packed = $2 WHERE id = $1"
POINTS_WAITING = f"""
SELECT count(*) AS rows, coalesce(sum({BYTES}), 0)::bigint AS bytes
FROM monitor_data m JOIN analyses a ON a.id = m.analysis_id
WHERE m.created_at < $1 AND a.status = 'completed'
"""  # noqa: S608 - a constant
FEATURES_WAITING = """
SELECT count(*) AS rows, coalesce(sum(pg_column_size(feature_values)), 0)::bigint AS bytes
FROM feature_data WHERE packed IS NULL AND created_at < $1
"""

logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Batch:
    """What a batch has compressed: bytes of the columns in question, on TimescaleDB of the whole chunk.

    `left` rows cannot be packed exactly, such as arrays with nulls, and stay as they are.
    """

    table: str
    rows: int
    before: int
    after: int
    left: int = 0

    def __add__(self, other: Batch) -> Batch:
        return Batch(
            self.table,
            self.rows + other.rows,
            self.before + other.before,
            self.after + other.after,
            self.left + other.left,
        )

    def __str__(self) -> str:
        ratio = f" ({self.before / self.after:.2f} : 1)" if self.after else ""
        left = f"; {self.left:,} left as they are" if self.left else ""
        return f"{self.table}: {self.before:,} bytes became {self.after:,}{ratio}{left}"


@dataclass(frozen=True, slots=True)
class _Step:
    table: str
    older_than: timedelta
    rows: int
    pick: str
    count: str
    pack: Callable[[asyncpg.Record], bytes | None]
    store: Callable[[Connection, Sequence[tuple[asyncpg.Record, bytes]]], Awaitable[None]]


async def waiting(admin: Connection, now: datetime) -> Mapping[str, tuple[int, int]]:
    """Return how many rows of each table would be compressed, and their bytes, without doing it."""
    counts: dict[str, tuple[int, int]] = {}
    async with admin.transaction(), acting_as(admin, "analysis"):
        compresses = await columnstore.compresses(admin)
        if compresses:
            counts[columnstore.TABLE] = await columnstore.waiting(admin, now - MONITOR_AFTER)
        for step in _steps(compresses):
            row = await admin.fetchrow(step.count, now - step.older_than)
            assert row is not None
            counts[step.table] = (row["rows"], row["bytes"])
    return counts


async def compress(admin: Connection, now: datetime) -> AsyncIterator[Batch]:
    """Compress what is old enough; each batch is committed when it is yielded."""
    async with admin.transaction(), acting_as(admin, "analysis"):
        compresses = await columnstore.compresses(admin)
        chunks = await columnstore.old_chunks(admin, now - MONITOR_AFTER) if compresses else []
    for chunk in chunks:
        try:
            async with admin.transaction(), acting_as(admin, "analysis"):
                await admin.execute(LOCK_TIMEOUT)
                rows, before, after = await columnstore.compress(admin, chunk)
        except BLOCKED as error:
            logger.warning("chunk left for the next time", chunk=chunk, error=str(error))
            continue
        yield Batch(columnstore.TABLE, rows, before, after)
    for step in _steps(compresses):
        async for batch in _pack(admin, step, now - step.older_than):
            yield batch


async def compress_results(context: MaintenanceContext, connection: Connection) -> Done:
    """The step of maintenance; counts rows, and the bytes that they took before."""
    if context.dry_run:
        found = await waiting(connection, context.now)
        notes = tuple(f"{table}: {rows:,} rows" for table, (rows, _) in found.items() if rows)
        return Done(sum(rows for rows, _ in found.values()), sum(size for _, size in found.values()), notes)
    tables: dict[str, Batch] = {}
    async for batch in compress(connection, context.now):
        tables[batch.table] = batch + tables[batch.table] if batch.table in tables else batch
    return Done(
        sum(total.rows for total in tables.values()),
        sum(total.before for total in tables.values()),
        (*map(str, tables.values()), *await drop_emptied(connection, context.now)),
    )


async def drop_emptied(admin: Connection, now: datetime) -> Sequence[str]:
    """Drop the months of results and anomalies that have no row any more, and report it.

    A query over all time locks every month, so months must not pile up.
    """
    dropped: list[str] = []
    try:
        async with owning(admin, "analysis"):
            for table in EMPTIED:
                dropped += await drop_empty(admin, table, now - MONITOR_AFTER)
    except BLOCKED:
        return ("an empty month could not be dropped while a long transaction is in the way",)
    return [f"{name}: dropped, as it was empty" for name in dropped]


async def _pack(admin: Connection, step: _Step, before: datetime) -> AsyncIterator[Batch]:
    last, more = START, True
    while more:
        try:
            async with admin.transaction(), acting_as(admin, "analysis"):
                await admin.execute(LOCK_TIMEOUT)
                rows = await admin.fetch(step.pick, before, *last, step.rows)
                packed = await asyncio.to_thread(lambda: [(row, step.pack(row)) for row in rows])  # noqa: B023
                exact = [(row, data) for row, data in packed if data is not None]
                await step.store(admin, exact)
        except BLOCKED as error:
            logger.warning("rows left for the next time", table=step.table, error=str(error))
            return
        more = len(rows) == step.rows
        if rows:
            last = (rows[-1]["created_at"], rows[-1]["id"])
            yield Batch(
                step.table,
                rows=len(exact),
                before=sum(row["bytes"] for row, _ in exact),
                after=sum(len(data) for _, data in exact),
                left=len(rows) - len(exact),
            )


def _steps(compresses: bool) -> Sequence[_Step]:
    """Where TimescaleDB compresses monitoring results, only features are packed."""
    features = _Step(
        "feature_data",
        FEATURES_AFTER,
        FEATURE_ROWS,
        PICK_FEATURES,
        FEATURES_WAITING,
        _packed_features,
        _store_features,
    )
    points = _Step(
        columnstore.TABLE,
        MONITOR_AFTER,
        MONITOR_ROWS,
        PICK_POINTS,
        POINTS_WAITING,
        _packed_points,
        _store_points,
    )
    return [features] if compresses else [points, features]


def _packed_features(row: asyncpg.Record) -> bytes | None:
    """The packed features; None if they would not come back as they are."""
    try:
        packed = pack_floats(decode_floats(row["features"]))
    except ValueError:
        return None
    return packed if encode_floats(unpack_floats(packed)) == row["features"] else None


def _packed_points(row: asyncpg.Record) -> bytes | None:
    """The packed points; None if they would not come back as they are."""
    sent = [row["x"], row["y"], row["distance"], row["misfit"]]
    try:
        x, y, distance = (decode_floats(column) for column in sent[:3])
        misfit = None if row["misfit"] is None else decode_floats(row["misfit"])
        # Columns of different lengths cannot be stacked: a ValueError.
        packed = pack_points(PointChunk(0, x, y, distance, misfit, row["anomaly"], row["metadata"]))
        found = unpack_points(packed, 0)
    except ValueError:
        return None
    columns = (found.x, found.y, found.distance, found.misfit)
    back = [None if column is None else encode_floats(column) for column in columns]
    exact = (back, found.anomaly, found.metadata) == (sent, row["anomaly"], row["metadata"])
    return packed if exact and len(x) == row["samples"] > 0 else None


async def _store_points(connection: Connection, rows: Sequence[tuple[asyncpg.Record, bytes]]) -> None:
    stored = []
    for row, packed in rows:
        kept = [row[name] for name in KEPT]
        distance = decode_floats(row["distance"])
        judged = distance[~np.isnan(distance)]
        highest = float(judged.max()) if judged.size else None
        stored.append((*kept, sum(row["anomaly"] or ()), highest, packed))
    await connection.executemany(STORE_POINTS, stored)
    await connection.executemany(REMOVE_POINTS, [(row["id"], row["created_at"]) for row, _ in rows])


async def _store_features(connection: Connection, rows: Sequence[tuple[asyncpg.Record, bytes]]) -> None:
    await connection.executemany(STORE_FEATURES, [(row["id"], packed) for row, packed in rows])
