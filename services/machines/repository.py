"""The repository of machines, and the unit of work."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any, Protocol
from uuid import UUID

import asyncpg

from services.machines.domain import Machine, MachineFilter, MachineStatus
from shared.access import Scope
from shared.clock import Clock, IdGenerator
from shared.http.pages import Cursor, PageRequest, Slice
from shared.jobs.postgres import PostgresQueue
from shared.jobs.queue import Jobs
from shared.kafka.inbox import Inbox, PostgresInbox
from shared.kafka.outbox import Outbox, PostgresOutbox
from shared.postgres.connection import Connection, Database
from shared.postgres.queries import load_queries

COLUMNS = tuple(field.name for field in fields(Machine))


class MachineRepository(Protocol):
    async def is_full(self, organization_id: UUID, maximum: int) -> bool:
        """Whether the organization has `maximum` machines. None is added until the transaction ends."""
        ...

    async def add(self, machine: Machine) -> None: ...

    async def get(self, machine_id: UUID) -> Machine | None: ...

    async def lock(self, machine_id: UUID) -> Machine | None:
        """The machine, locked until the end of the transaction."""
        ...

    async def list(self, filters: MachineFilter, page: PageRequest) -> Slice[Machine]: ...

    async def update(self, machine: Machine) -> None: ...

    async def delete(self, machine_id: UUID) -> None: ...

    async def note_analysis(self, machine_id: UUID, at: datetime) -> None: ...


class PostgresMachineRepository:
    def __init__(self, connection: Connection, queries: Any) -> None:
        self._connection = connection
        self._queries = queries

    async def is_full(self, organization_id: UUID, maximum: int) -> bool:
        await self._queries.lock_registrations(self._connection, organization_id=organization_id)
        return bool(await self._queries.is_full(self._connection, maximum=maximum))

    async def add(self, machine: Machine) -> None:
        await self._queries.insert_machine(self._connection, **asdict(machine))

    async def get(self, machine_id: UUID) -> Machine | None:
        return _machine(await self._queries.get_machine(self._connection, id=machine_id))

    async def lock(self, machine_id: UUID) -> Machine | None:
        return _machine(await self._queries.get_machine_for_update(self._connection, id=machine_id))

    async def list(self, filters: MachineFilter, page: PageRequest) -> Slice[Machine]:
        rows = self._queries.list_machines(
            self._connection,
            **asdict(filters),
            after_at=page.after.at if page.after else None,
            after_id=page.after.id if page.after else None,
            limit=page.limit + 1,
        )
        machines = [machine async for row in rows if (machine := _machine(row))]
        return Slice.cut(machines, page.limit, lambda machine: Cursor(machine.created_at, machine.id))

    async def update(self, machine: Machine) -> None:
        await self._queries.update_machine(self._connection, **asdict(machine))

    async def delete(self, machine_id: UUID) -> None:
        await self._queries.delete_machine(self._connection, id=machine_id)

    async def note_analysis(self, machine_id: UUID, at: datetime) -> None:
        await self._queries.note_analysis(self._connection, id=machine_id, at=at)


@dataclass(frozen=True, slots=True)
class Unit:
    """The repositories of one transaction."""

    machines: MachineRepository
    jobs: Jobs
    outbox: Outbox
    inbox: Inbox


class PostgresUnits:
    """Opens units of work, one transaction each."""

    def __init__(self, database: Database, clock: Clock, new_id: IdGenerator) -> None:
        self._database = database
        self._clock = clock
        self._new_id = new_id
        self.queries = load_queries(__file__)
        self.queue = PostgresQueue(database, service="machines")

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        async with self._database.transaction(scope) as connection:
            yield Unit(
                machines=PostgresMachineRepository(connection, self.queries),
                jobs=self.queue.jobs(connection),
                outbox=PostgresOutbox(connection, self._clock, self._new_id),
                inbox=PostgresInbox(connection),
            )


def _machine(row: asyncpg.Record | None) -> Machine | None:
    if row is None:
        return None
    values = {name: row[name] for name in COLUMNS}
    return Machine(**values | {"status": MachineStatus(row["status"]), "tags": tuple(row["tags"])})
