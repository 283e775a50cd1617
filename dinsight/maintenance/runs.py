"""The record of maintenance runs: what they did, and when the last one succeeded."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from dinsight.maintenance.context import within
from shared.postgres.connection import Connection

SERVICE = "auth"
KEPT = timedelta(days=400)
BEGIN = "INSERT INTO maintenance_runs (id, started_at) VALUES ($1, $2)"
END = "UPDATE maintenance_runs SET finished_at = $2, successful = $3, steps = $4 WHERE id = $1"
PRUNE = "DELETE FROM maintenance_runs WHERE started_at < $1"
LAST = "SELECT max(finished_at) FROM maintenance_runs WHERE successful"
BEGUN = "SELECT max(started_at) FROM maintenance_runs WHERE successful"


async def begin(connection: Connection, run_id: UUID, now: datetime) -> None:
    async with within(connection, SERVICE):
        await connection.execute(PRUNE, now - KEPT)
        await connection.execute(BEGIN, run_id, now)


async def end(
    connection: Connection, run_id: UUID, now: datetime, steps: Mapping[str, Any], *, successful: bool
) -> None:
    async with within(connection, SERVICE):
        await connection.execute(END, run_id, now, successful, steps)


async def last_success(connection: Connection) -> datetime | None:
    async with within(connection, SERVICE):
        at: datetime | None = await connection.fetchval(LAST)
    return at


async def last_begun(connection: Connection) -> datetime | None:
    """When the last run that succeeded began: the night that it was the run of."""
    async with within(connection, SERVICE):
        at: datetime | None = await connection.fetchval(BEGUN)
    return at
