"""Use cases of machines, and the events that they publish."""

import base64
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.machines.domain import MachineStatus
from services.machines.errors import MachineNotFound, OnLegalHold, TooManyMachines
from services.machines.handlers import subscribe
from services.machines.repository import Unit
from services.machines.sealing import MetadataSealer
from services.machines.service import MachineService
from shared.access import Caller
from shared.audit import Auditor
from shared.crypto import Encryptor
from shared.erasure.steps import QUEUE
from shared.events.analysis import ANALYSIS_COMPLETED, AnalysisCompleted
from shared.events.auth import AUDIT_RECORDED
from shared.events.base import Event
from shared.events.deletions import DELETION_REQUESTED, DeletionRequested
from shared.events.machines import MACHINE_CHANGED
from tests.support.fakes import FakeClock, caller
from tests.unit.machines.fakes import FakeUnits
from tests.unit.shared.examples import EXAMPLES

KEYS = "test:" + base64.b64encode(b"k" * 32).decode()
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def service(clock: FakeClock) -> MachineService:
    return MachineService(clock, uuid4, Auditor(clock), MetadataSealer(Encryptor(KEYS)), maximum=3)


@pytest.fixture
def units() -> FakeUnits:
    return FakeUnits()


@pytest.fixture
def someone() -> Caller:
    return caller()


async def test_an_organization_has_as_many_machines_as_it_may(
    service: MachineService, units: FakeUnits, someone: Caller
) -> None:
    async with units(someone.scope) as unit:
        machines = [await service.register(unit, someone, {"name": "Pump"}) for _ in range(3)]
        with pytest.raises(TooManyMachines, match="has 3 machines, the maximum"):
            await service.register(unit, someone, {"name": "Pump"})
        await service.remove(unit, someone, machines[0].id)
        await service.register(unit, someone, {"name": "Pump"})


async def test_a_new_machine_has_defaults_and_is_published(
    service: MachineService, units: FakeUnits, someone: Caller, clock: FakeClock
) -> None:
    async with units(someone.scope) as unit:
        machine = await service.register(unit, someone, {"name": "Pump", "metadata": {"kw": 1}})
    assert machine.organization_id == someone.organization_id
    assert (machine.status, machine.version, machine.model) == (MachineStatus.ACTIVE, 1, None)
    assert machine.created_at == machine.updated_at == clock.now()
    [told] = units.outbox.payloads(MACHINE_CHANGED)
    assert (told.machine_id, told.name, told.version, told.deleted) == (machine.id, "Pump", 1, False)
    assert told.metadata == {"kw": 1}
    [event] = [event for event in units.outbox.events if event.topic is MACHINE_CHANGED]
    assert (event.key, event.organization_id) == (str(machine.id), someone.organization_id)
    [audited] = units.outbox.payloads(AUDIT_RECORDED)
    assert (audited.action, audited.resource_id, audited.user_id) == (
        "machine.created",
        machine.id,
        someone.user_id,
    )


async def test_only_the_given_fields_change(
    service: MachineService, units: FakeUnits, someone: Caller, clock: FakeClock
) -> None:
    async with units(someone.scope) as unit:
        machine = await service.register(unit, someone, {"name": "Pump", "model": "P"})
        clock.advance(hours=1)
        changed = await service.change(unit, someone, machine.id, {"model": None})
        assert await service.get(unit, machine.id) == changed
    assert (changed.name, changed.model, changed.version) == ("Pump", None, 2)
    assert changed.updated_at - machine.updated_at == timedelta(hours=1)
    assert changed.created_at == machine.created_at
    assert [told.version for told in units.outbox.payloads(MACHINE_CHANGED)] == [1, 2]
    assert units.outbox.payloads(AUDIT_RECORDED)[-1].changes == {
        "before": {"model": "P"},
        "after": {"model": None},
    }


async def test_an_empty_change_publishes_nothing(
    service: MachineService, units: FakeUnits, someone: Caller
) -> None:
    async with units(someone.scope) as unit:
        machine = await service.register(unit, someone, {"name": "Pump"})
        told = len(units.outbox.events)
        assert await service.change(unit, someone, machine.id, {}) == machine
    assert len(units.outbox.events) == told


async def test_a_deletion_is_published_with_a_higher_version(
    service: MachineService, units: FakeUnits, someone: Caller
) -> None:
    async with units(someone.scope) as unit:
        machine = await service.register(unit, someone, {"name": "Pump"})
        await service.remove(unit, someone, machine.id)
        with pytest.raises(MachineNotFound):
            await service.get(unit, machine.id)
    told = units.outbox.payloads(MACHINE_CHANGED)[-1]
    assert (told.deleted, told.version, told.name) == (True, 2, "")
    assert units.outbox.payloads(AUDIT_RECORDED)[-1].action == "machine.deleted"


async def test_an_unknown_machine_is_not_found(
    service: MachineService, units: FakeUnits, someone: Caller
) -> None:
    stranger = caller()
    async with units(someone.scope) as unit:
        machine = await service.register(unit, someone, {"name": "Pump"})
    told = len(units.outbox.events)
    async with units(stranger.scope) as unit:
        for machine_id in (machine.id, uuid4()):
            with pytest.raises(MachineNotFound, match=str(machine_id)):
                await service.get(unit, machine_id)
            with pytest.raises(MachineNotFound):
                await service.change(unit, stranger, machine_id, {"name": "Mine"})
            with pytest.raises(MachineNotFound):
                await service.remove(unit, stranger, machine_id)
    assert len(units.outbox.events) == told


class FakeConsumer:
    """Records the handlers by topic."""

    def __init__(self) -> None:
        self.handlers: dict[object, Callable[[Event[Any], Unit], Awaitable[None]]] = {}

    def on(self, topic: object, handler: Callable[[Event[Any], Unit], Awaitable[None]]) -> None:
        self.handlers[topic] = handler

    async def deliver(self, event: Event[Any], unit: Unit) -> None:
        await self.handlers[event.topic](event, unit)


async def test_a_machine_on_legal_hold_is_not_deleted(
    service: MachineService, units: FakeUnits, someone: Caller
) -> None:
    async with units(someone.scope) as unit:
        machine = await service.register(unit, someone, {"name": "Pump", "legal_hold": True})
        with pytest.raises(OnLegalHold, match=str(machine.id)):
            await service.remove(unit, someone, machine.id)
        assert await service.get(unit, machine.id) == machine
    assert units.outbox.payloads(DELETION_REQUESTED) == []


async def test_a_requested_deletion_becomes_a_job(
    service: MachineService, units: FakeUnits, someone: Caller
) -> None:
    consumer = FakeConsumer()
    subscribe(consumer, service)  # type: ignore[arg-type]
    async with units(someone.scope) as unit:
        machine = await service.register(unit, someone, {"name": "Pump"})
        deletion = await service.remove(unit, someone, machine.id)
        event = next(event for event in units.outbox.events if event.topic is DELETION_REQUESTED)
        assert (deletion.kind, deletion.subject_id) == ("machine", machine.id)
        for _ in range(2):
            await consumer.deliver(event, unit)
    [job] = await units.jobs.claim(QUEUE, 2, lease=timedelta(minutes=1))
    assert job.id == deletion.deletion_id
    assert DeletionRequested.model_validate(job.args["deletion"]) == deletion


async def test_a_completed_analysis_is_recorded_and_publishes_nothing(
    service: MachineService, units: FakeUnits, someone: Caller
) -> None:
    consumer = FakeConsumer()
    subscribe(consumer, service)  # type: ignore[arg-type]
    async with units(someone.scope) as unit:
        machine = await service.register(unit, someone, {"name": "Pump"})
        told = len(units.outbox.events)
        example = EXAMPLES["analysis.completed"]
        assert isinstance(example, AnalysisCompleted)
        payload = example.model_copy(update={"machine_id": machine.id})
        event = Event(uuid4(), ANALYSIS_COMPLETED, "k", someone.organization_id, NOON, payload)
        await consumer.deliver(event, unit)
        found = await service.get(unit, machine.id)
    assert found.last_analysis_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert found.version == machine.version
    assert len(units.outbox.events) == told
