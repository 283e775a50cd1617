"""The quality of runs' data."""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from services.analysis.domain import Analysis
from shared.postgres.connection import Connection


class Qualities(Protocol):
    async def save(self, analysis: Analysis, quality: Mapping[str, Any]) -> None:
        """Store it, instead of what an earlier attempt found."""
        ...

    async def get(self, analysis_id: UUID) -> Mapping[str, Any] | None: ...


class PostgresQualities:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def save(self, analysis: Analysis, quality: Mapping[str, Any]) -> None:
        await self._queries.save_quality(
            self._connection,
            analysis_id=analysis.id,
            organization_id=analysis.organization_id,
            quality=quality,
        )

    async def get(self, analysis_id: UUID) -> Mapping[str, Any] | None:
        found: Mapping[str, Any] | None = await self._queries.get_quality(
            self._connection, analysis_id=analysis_id
        )
        return found
