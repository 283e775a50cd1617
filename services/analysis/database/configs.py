"""Configurations, in versions."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

from services.analysis.configs.domain import Configuration
from services.analysis.database import rows
from shared.http.pages import Cursor, PageRequest, Slice
from shared.postgres.connection import Connection

# config_data numbers its rows with a 4-byte integer; a forged cursor may contain a larger number.
MAX_ID = 2**31 - 1


class Configs(Protocol):
    async def current(self, organization_id: UUID, now: datetime) -> Configuration:
        """The newest version. If there is none, the first is created with the specification's defaults."""
        ...

    async def lock_current(self, organization_id: UUID, now: datetime) -> Configuration:
        """The newest version, locked against the creation of another until the transaction ends."""
        ...

    async def get(self, config_id: int) -> Configuration | None: ...

    async def list(self, page: PageRequest) -> Slice[Configuration]: ...

    async def next_version(self, organization_id: UUID) -> int:
        """The number of the version to be added, after `lock_current`."""
        ...

    async def add(self, values: Mapping[str, Any]) -> Configuration: ...


class PostgresConfigs:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def current(self, organization_id: UUID, now: datetime) -> Configuration:
        row = await self._queries.current_config(self._connection, organization_id=organization_id)
        return rows.configuration(row) if row else await self._first(organization_id, now)

    async def lock_current(self, organization_id: UUID, now: datetime) -> Configuration:
        await self._queries.lock_configs(self._connection, organization_id=organization_id)
        return await self.current(organization_id, now)

    async def _first(self, organization_id: UUID, now: datetime) -> Configuration:
        await self._queries.first_config(self._connection, organization_id=organization_id, now=now)
        row = await self._queries.current_config(self._connection, organization_id=organization_id)
        return rows.configuration(row)

    async def get(self, config_id: int) -> Configuration | None:
        row = await self._queries.get_config(self._connection, id=config_id)
        return rows.configuration(row) if row else None

    async def list(self, page: PageRequest) -> Slice[Configuration]:
        found = self._queries.list_configs(
            self._connection,
            after_at=page.after.at if page.after else None,
            # Configurations have numbers as ids; the cursor contains the number as a UUID.
            after_id=min(page.after.id.int, MAX_ID) if page.after else None,
            limit=page.limit + 1,
        )
        configs = [rows.configuration(row) async for row in found]
        return Slice.cut(configs, page.limit, lambda config: Cursor(config.created_at, UUID(int=config.id)))

    async def next_version(self, organization_id: UUID) -> int:
        found = await self._queries.next_config_version(self._connection, organization_id=organization_id)
        return int(found)

    async def add(self, values: Mapping[str, Any]) -> Configuration:
        values = {"reading": {}, "inline": False} | dict(values)
        return rows.configuration(await self._queries.insert_config(self._connection, **values))
