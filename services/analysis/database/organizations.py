"""The replica of organizations."""

from dataclasses import asdict
from typing import Any, Protocol

from services.analysis.organizations.domain import OrganizationRef
from shared.postgres.connection import Connection


class Organizations(Protocol):
    async def merge(self, organization: OrganizationRef) -> bool:
        """Store a newer version, and tell whether it was stored."""
        ...


class PostgresOrganizations:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def merge(self, organization: OrganizationRef) -> bool:
        return await self._queries.merge_organization_ref(self._connection, **asdict(organization)) is True
