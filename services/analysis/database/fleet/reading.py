"""Reads the fleet, and the timelines of machines."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar
from uuid import UUID

import asyncpg

from services.analysis.alerts.domain import AlertRef
from services.analysis.database import rows
from services.analysis.fleet.domain import (
    SPARK_DAYS,
    Baseline,
    FleetFilter,
    FleetMachine,
    FleetPosition,
    FleetSort,
    NewestAnalysis,
    SparkDay,
)
from services.analysis.timeline.domain import Bucket, Mark, RunSegment
from shared.postgres.connection import Connection

T = TypeVar("T")


class Fleet(Protocol):
    async def machines(
        self, wanted: FleetFilter, sort: FleetSort, after: FleetPosition | None, limit: int, now: datetime
    ) -> Sequence[FleetMachine]: ...

    async def newest_data(self, machine_id: UUID) -> datetime | None:
        """The time of the machine's newest sample."""
        ...

    async def count_runs(self, machine_id: UUID, since: datetime, until: datetime, limit: int) -> int:
        """How many runs have samples in the range, counted up to `limit`."""
        ...

    async def buckets(
        self, machine_id: UUID, since: datetime, until: datetime, width: timedelta, *, of_hours: bool
    ) -> Sequence[Bucket]:
        """Buckets in order, from the series of runs or, `of_hours`, from the machine's hours."""
        ...

    async def runs(
        self, machine_id: UUID, since: datetime, until: datetime, limit: int
    ) -> Sequence[RunSegment]: ...

    async def alerts(
        self, machine_id: UUID, since: datetime, until: datetime, limit: int
    ) -> Sequence[AlertRef]: ...

    async def marks(
        self, machine_id: UUID, since: datetime, until: datetime, limit: int
    ) -> Sequence[Mark]: ...


class PostgresFleet:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def machines(
        self, wanted: FleetFilter, sort: FleetSort, after: FleetPosition | None, limit: int, now: datetime
    ) -> Sequence[FleetMachine]:
        found = self._queries.list_fleet(
            self._connection,
            **asdict(wanted),
            sort=sort,
            after_rank=after.rank if after else None,
            after_name=after.name if after else None,
            after_id=after.machine_id if after else None,
            limit=limit,
            now=now,
            spark_days=SPARK_DAYS,
        )
        return [_machine(row) async for row in found]

    async def newest_data(self, machine_id: UUID) -> datetime | None:
        found: datetime | None = await self._queries.newest_data(self._connection, machine_id=machine_id)
        return found

    async def count_runs(self, machine_id: UUID, since: datetime, until: datetime, limit: int) -> int:
        return int(
            await self._queries.count_runs_between(
                self._connection, machine_id=machine_id, since=since, until=until, limit=limit
            )
        )

    async def buckets(
        self, machine_id: UUID, since: datetime, until: datetime, width: timedelta, *, of_hours: bool
    ) -> Sequence[Bucket]:
        query = self._queries.buckets_of_hours if of_hours else self._queries.buckets_of_runs
        found = query(self._connection, machine_id=machine_id, since=since, until=until, width=width)
        return [rows.read(Bucket, row) async for row in found]

    async def runs(
        self, machine_id: UUID, since: datetime, until: datetime, limit: int
    ) -> Sequence[RunSegment]:
        return await self._between(self._queries.runs_between, RunSegment, machine_id, since, until, limit)

    async def alerts(
        self, machine_id: UUID, since: datetime, until: datetime, limit: int
    ) -> Sequence[AlertRef]:
        return await self._between(self._queries.alerts_between, AlertRef, machine_id, since, until, limit)

    async def marks(self, machine_id: UUID, since: datetime, until: datetime, limit: int) -> Sequence[Mark]:
        return await self._between(self._queries.marks_between, Mark, machine_id, since, until, limit)

    async def _between(
        self, query: Any, kind: type[T], machine_id: UUID, since: datetime, until: datetime, limit: int
    ) -> Sequence[T]:
        found = query(self._connection, machine_id=machine_id, since=since, until=until, limit=limit)
        return [rows.read(kind, row) async for row in found]


def _machine(row: asyncpg.Record) -> FleetMachine:
    own = {field.name: row[field.name] for field in fields(FleetMachine) if field.name in row.keys()}  # noqa: SIM118
    newest = baseline = None
    if row["newest_id"] is not None:
        newest = NewestAnalysis(
            row["newest_id"],
            row["newest_type"],
            row["newest_status"],
            row["newest_created_at"],
            row["newest_completed_at"],
            row["stage"],
            row["progress"],
        )
    if row["baseline_id"] is not None:
        baseline = Baseline(row["baseline_id"], row["baseline_at"], row["readiness"])
    return FleetMachine(
        **own
        | {
            "tags": tuple(row["tags"]),
            "findings": row["findings"] or (),
            "anomalies_24h": _counts(row["anomalies_24h"]),
            "anomalies_7d": _counts(row["anomalies_7d"]),
            "unacknowledged_anomalies": int(row["unacknowledged"] or 0),
            "spark": [SparkDay(*day) for day in row["spark"] or ()],
            "newest": newest,
            "baseline": baseline,
            "position": FleetPosition(row["rank"], row["sort_name"], row["machine_id"]),
        }
    )


def _counts(found: Mapping[str, int] | None) -> Mapping[str, int]:
    return {severity: int(count) for severity, count in (found or {}).items()}
