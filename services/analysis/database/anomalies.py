"""Anomalies."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Any, Protocol
from uuid import UUID

from services.analysis.anomalies.domain import Anomaly, AnomalyFilter, DailyAnomalies, time_within
from services.analysis.database import rows
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection


class Anomalies(Protocol):
    async def add_all(self, anomalies: Sequence[Anomaly]) -> None: ...

    async def get(self, anomaly_id: UUID) -> Anomaly | None: ...

    async def lock(self, anomaly_id: UUID) -> Anomaly | None: ...

    async def acknowledge(self, anomaly: Anomaly, user_id: UUID, now: datetime) -> None: ...

    async def list(self, wanted: AnomalyFilter, page: PageRequest) -> Slice[Anomaly]: ...

    async def daily(
        self, machine_id: UUID | None, since: date | None, until: date | None, limit: int
    ) -> Sequence[DailyAnomalies]:
        """Counts per machine, day and severity, newest first."""
        ...


class PostgresAnomalies:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def add_all(self, anomalies: Sequence[Anomaly]) -> None:
        await self._queries.insert_anomaly(self._connection, [rows.shallow_dict(a) for a in anomalies])

    async def get(self, anomaly_id: UUID) -> Anomaly | None:
        row = None
        if (bounds := time_within(anomaly_id)) is not None:
            row = await self._queries.get_anomaly_at(
                self._connection, id=anomaly_id, since=bounds[0], until=bounds[1]
            )
        if row is None:
            # Ids from before anomalies were named by the times of their samples say nothing.
            row = await self._queries.get_anomaly(self._connection, id=anomaly_id)
        return rows.anomaly(row) if row else None

    async def lock(self, anomaly_id: UUID) -> Anomaly | None:
        found = await self.get(anomaly_id)
        if found is None:
            return None
        row = await self._queries.lock_anomaly(self._connection, id=anomaly_id, timestamp=found.timestamp)
        return rows.anomaly(row) if row else None

    async def acknowledge(self, anomaly: Anomaly, user_id: UUID, now: datetime) -> None:
        await self._queries.acknowledge_anomaly(
            self._connection, id=anomaly.id, timestamp=anomaly.timestamp, user_id=user_id, now=now
        )

    async def list(self, wanted: AnomalyFilter, page: PageRequest) -> Slice[Anomaly]:
        found = self._queries.list_anomalies(
            self._connection,
            **asdict(wanted),
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        anomalies = [rows.anomaly(row) async for row in found]
        return Slice.cut(anomalies, page.limit, lambda anomaly: Cursor(anomaly.timestamp, anomaly.id))

    async def daily(
        self, machine_id: UUID | None, since: date | None, until: date | None, limit: int
    ) -> Sequence[DailyAnomalies]:
        found = self._queries.daily_anomalies(
            self._connection, machine_id=machine_id, since=since, until=until, limit=limit
        )
        return [
            DailyAnomalies(
                row["machine_id"], row["day"], row["severity"], row["anomalies"], row["worst_ratio"]
            )
            async for row in found
        ]
