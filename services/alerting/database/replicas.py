"""Replicas of machines, members and organizations in PostgreSQL."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any
from uuid import UUID

import asyncpg

from services.alerting.replicas.domain import MachineRef, MemberRef, OrganizationRef
from shared.postgres.connection import Connection

MEMBER_COLUMNS = tuple(field.name for field in fields(MemberRef))
MACHINE_COLUMNS = tuple(field.name for field in fields(MachineRef))


class PostgresReplicaRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def merge_machine(self, machine: MachineRef) -> None:
        await self._queries.merge_machine(self._connection, **asdict(machine))

    async def machine(self, machine_id: UUID) -> MachineRef | None:
        return _machine(await self._queries.get_machine(self._connection, id=machine_id))

    async def lock_machine(self, machine_id: UUID) -> MachineRef | None:
        return _machine(await self._queries.lock_machine(self._connection, id=machine_id))

    async def statuses(self, machine_ids: Sequence[UUID]) -> Mapping[UUID, str]:
        rows = self._queries.statuses_of_machines(self._connection, ids=machine_ids)
        return {row["id"]: row["status"] async for row in rows}

    async def machines_after(self, machine_id: UUID, limit: int) -> Sequence[MachineRef]:
        rows = self._queries.machines_after(self._connection, after=machine_id, limit=limit)
        return [machine async for row in rows if (machine := _machine(row))]

    async def analysis_deleted(self, analysis_id: UUID) -> bool:
        found = await self._queries.is_analysis_deleted(self._connection, analysis_id=analysis_id)
        return found is True

    async def merge_member(self, member: MemberRef) -> None:
        await self._queries.merge_member(self._connection, **asdict(member))

    async def member(self, user_id: UUID) -> MemberRef | None:
        row = await self._queries.get_member(self._connection, user_id=user_id)
        return None if row is None else MemberRef(**{name: row[name] for name in MEMBER_COLUMNS})

    async def merge_organization(self, organization: OrganizationRef) -> None:
        await self._queries.merge_organization(self._connection, **asdict(organization))


def _machine(row: asyncpg.Record | None) -> MachineRef | None:
    if row is None:
        return None
    return MachineRef(**{name: row[name] for name in MACHINE_COLUMNS} | {"tags": tuple(row["tags"])})
