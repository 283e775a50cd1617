"""Analyses that are to be deleted."""

from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

from shared.postgres.connection import Connection


class Deletions(Protocol):
    async def lock_runs(self, baseline_id: UUID) -> Sequence[UUID]:
        """The runs that stand on a baseline, archived ones too, locked until the transaction ends."""
        ...

    async def mark(self, analysis_ids: Sequence[UUID], deletion_id: UUID) -> None:
        """Set the status `deleting`, in which nothing else happens to an analysis."""
        ...


class PostgresDeletions:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def lock_runs(self, baseline_id: UUID) -> Sequence[UUID]:
        found = self._queries.lock_runs_on_baseline(self._connection, id=baseline_id)
        return [row["id"] async for row in found]

    async def mark(self, analysis_ids: Sequence[UUID], deletion_id: UUID) -> None:
        await self._queries.mark_deleting(self._connection, ids=list(analysis_ids), deletion_id=deletion_id)
