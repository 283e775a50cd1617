"""The versions of machines' baselines, and which of them is active."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.analysis.baselines.domain import MAX_RUNS_COUNTED, ActiveBaseline, BaselineVersion
from services.analysis.database import rows
from services.analysis.domain import Status
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection


class Baselines(Protocol):
    async def active(self, machine_id: UUID) -> ActiveBaseline | None:
        """The baseline that judges the machine's next samples; None without a completed one."""
        ...

    async def hold(self, machine_id: UUID) -> int:
        """Lock the machine's versions until the transaction ends; returns the last number of them."""
        ...

    async def choose(
        self, machine_id: UUID, analysis_id: UUID | None, *, by: UUID | None, at: datetime | None
    ) -> None:
        """Record which baseline somebody chose, after `hold`; None leaves it to the newest one again."""
        ...

    async def list(self, machine_id: UUID, page: PageRequest) -> Slice[BaselineVersion]: ...

    async def get(self, machine_id: UUID, analysis_id: UUID) -> BaselineVersion | None: ...


class PostgresBaselines:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def active(self, machine_id: UUID) -> ActiveBaseline | None:
        row = await self._queries.active_baseline(self._connection, machine_id=machine_id)
        return rows.read(ActiveBaseline, row) if row else None

    async def hold(self, machine_id: UUID) -> int:
        return int(await self._queries.hold_versions(self._connection, machine_id=machine_id))

    async def choose(
        self, machine_id: UUID, analysis_id: UUID | None, *, by: UUID | None, at: datetime | None
    ) -> None:
        await self._queries.choose_baseline(
            self._connection, machine_id=machine_id, analysis_id=analysis_id, chosen_by=by, chosen_at=at
        )

    async def list(self, machine_id: UUID, page: PageRequest) -> Slice[BaselineVersion]:
        versions = await self._versions(machine_id, None, page.after, page.limit + 1)
        return Slice.cut(
            versions, page.limit, lambda version: Cursor(version.created_at, version.analysis_id)
        )

    async def get(self, machine_id: UUID, analysis_id: UUID) -> BaselineVersion | None:
        return next(iter(await self._versions(machine_id, analysis_id, None, 1)), None)

    async def _versions(
        self, machine_id: UUID, analysis_id: UUID | None, after: Cursor | None, limit: int
    ) -> Sequence[BaselineVersion]:
        found = self._queries.list_versions(
            self._connection,
            machine_id=machine_id,
            analysis_id=analysis_id,
            after_at=after.at if after else None,
            after_id=after.id if after else None,
            limit=limit,
            newest_runs=MAX_RUNS_COUNTED,
        )
        return [rows.read(BaselineVersion, row, status=Status(row["status"])) async for row in found]
