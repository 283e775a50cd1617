"""An in-memory repository of machines. One suite checks that it behaves like the PostgreSQL one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from services.machines.domain import Machine, MachineFilter
from services.machines.repository import Unit
from shared.access import Scope
from shared.http.pages import Cursor, PageRequest, Slice
from shared.jobs.memory import MemoryQueue
from tests.support.fakes import FakeClock, FakeInbox, FakeOutbox


@dataclass
class FakeMachines:
    """One organization's view of `rows`, which all organizations share."""

    rows: dict[UUID, Machine]
    organization_id: UUID | None

    async def is_full(self, organization_id: UUID, maximum: int) -> bool:
        return len([m for m in self.rows.values() if m.organization_id == organization_id]) >= maximum

    async def add(self, machine: Machine) -> None:
        self.rows[machine.id] = machine

    async def get(self, machine_id: UUID) -> Machine | None:
        machine = self.rows.get(machine_id)
        return machine if machine and machine.organization_id == self.organization_id else None

    async def lock(self, machine_id: UUID) -> Machine | None:
        return await self.get(machine_id)

    async def list(self, wanted: MachineFilter, page: PageRequest) -> Slice[Machine]:
        found = [
            m for m in self.rows.values() if m.organization_id == self.organization_id and _fits(m, wanted)
        ]
        found.sort(key=_order, reverse=True)
        if page.after is not None:
            found = [m for m in found if _order(m) < (page.after.at, page.after.id)]
        return Slice.cut(found[: page.limit + 1], page.limit, lambda m: Cursor(m.created_at, m.id))

    async def update(self, machine: Machine) -> None:
        if await self.get(machine.id):
            self.rows[machine.id] = machine

    async def delete(self, machine_id: UUID) -> None:
        if await self.get(machine_id):
            del self.rows[machine_id]

    async def note_analysis(self, machine_id: UUID, at: datetime) -> None:
        machine = await self.get(machine_id)
        if machine is not None:
            latest = max(machine.last_analysis_at or at, at)
            self.rows[machine_id] = replace(machine, last_analysis_at=latest)


@dataclass
class FakeUnits:
    """All units share the data in memory; nothing is rolled back."""

    rows: dict[UUID, Machine] = field(default_factory=dict)
    jobs: MemoryQueue = field(default_factory=lambda: MemoryQueue(FakeClock()))
    outbox: FakeOutbox = field(default_factory=FakeOutbox)
    inbox: FakeInbox = field(default_factory=FakeInbox)

    @asynccontextmanager
    async def __call__(self, scope: Scope) -> AsyncIterator[Unit]:
        yield Unit(FakeMachines(self.rows, scope.organization_id), self.jobs, self.outbox, self.inbox)


def _order(machine: Machine) -> tuple[datetime, UUID]:
    return machine.created_at, machine.id


def _fits(machine: Machine, wanted: MachineFilter) -> bool:
    texts = (machine.name, machine.model, machine.serial_number, machine.location)
    described = " ".join(text for text in texts if text is not None).lower()
    return (
        (wanted.status is None or machine.status is wanted.status)
        and (wanted.location is None or (machine.location or "").lower().startswith(wanted.location.lower()))
        and (wanted.tag is None or wanted.tag in machine.tags)
        and wanted.legal_hold in (None, machine.legal_hold)
        and (wanted.text is None or wanted.text.lower() in described)
    )
