"""The suite that every implementation of the machines repository passes."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.machines.domain import Machine, MachineFilter, MachineStatus
from services.machines.repository import Unit
from shared.access import Scope
from shared.http.pages import PageRequest

Units = Callable[[Scope], AbstractAsyncContextManager[Unit]]
NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def a_machine(organization_id: UUID, **changes: object) -> Machine:
    machine = Machine(
        id=uuid4(),
        organization_id=organization_id,
        name="Pump 7",
        model="P-75",
        serial_number=None,
        location="Hall 3",
        status=MachineStatus.ACTIVE,
        metadata={"kw": 75, "tags": ["a", {"b": None}]},
        tags=("line-3", "Pump"),
        legal_hold=False,
        last_analysis_at=None,
        created_at=NOW,
        updated_at=NOW,
        version=1,
    )
    return replace(machine, **changes)  # type: ignore[arg-type]


class RepositorySuite:
    """Subclasses provide the fixture `units`."""

    @pytest.fixture
    def mine(self) -> Scope:
        return Scope(organization_id=uuid4())

    @pytest.fixture
    def theirs(self) -> Scope:
        return Scope(organization_id=uuid4())

    async def _add(self, units: Units, scope: Scope, **changes: object) -> Machine:
        assert scope.organization_id is not None
        machine = a_machine(scope.organization_id, **changes)
        async with units(scope) as unit:
            await unit.machines.add(machine)
        return machine

    async def test_a_full_organization_is_told_from_others(
        self, units: Units, mine: Scope, theirs: Scope
    ) -> None:
        assert mine.organization_id is not None
        for _ in range(2):
            await self._add(units, mine)
            await self._add(units, theirs)
        async with units(mine) as unit:
            found = [await unit.machines.is_full(mine.organization_id, maximum) for maximum in (1, 2, 3)]
        assert found == [True, True, False]

    async def _names(self, units: Units, scope: Scope, **wanted: object) -> list[str]:
        async with units(scope) as unit:
            found = await unit.machines.list(MachineFilter(**wanted), PageRequest())  # type: ignore[arg-type]
        return [machine.name for machine in found.items]

    async def test_an_added_machine_is_returned_unchanged(self, units: Units, mine: Scope) -> None:
        machine = await self._add(units, mine)
        async with units(mine) as unit:
            assert await unit.machines.get(machine.id) == machine
            assert await unit.machines.lock(machine.id) == machine
            assert await unit.machines.get(uuid4()) is None
            assert await unit.machines.lock(uuid4()) is None

    async def test_a_change_is_kept(self, units: Units, mine: Scope) -> None:
        machine = await self._add(units, mine)
        changed = machine.changed(
            {
                "name": "Pump 8",
                "model": None,
                "status": MachineStatus.RETIRED,
                "metadata": {},
                "tags": (),
                "legal_hold": True,
            },
            NOW + HOUR,
        )
        async with units(mine) as unit:
            await unit.machines.update(changed)
        async with units(mine) as unit:
            assert await unit.machines.get(machine.id) == changed

    async def test_a_deleted_machine_is_gone(self, units: Units, mine: Scope) -> None:
        machine, other = await self._add(units, mine), await self._add(units, mine)
        async with units(mine) as unit:
            await unit.machines.delete(machine.id)
            assert await unit.machines.get(machine.id) is None
            assert await unit.machines.get(other.id) == other

    async def test_machines_of_another_organization_are_invisible(
        self, units: Units, mine: Scope, theirs: Scope
    ) -> None:
        machine = await self._add(units, mine)
        async with units(theirs) as unit:
            assert await unit.machines.get(machine.id) is None
            assert await unit.machines.lock(machine.id) is None
            await unit.machines.update(machine.changed({"name": "Mine"}, NOW))
            await unit.machines.note_analysis(machine.id, NOW)
            await unit.machines.delete(machine.id)
        assert await self._names(units, theirs) == []
        async with units(mine) as unit:
            assert await unit.machines.get(machine.id) == machine

    async def test_the_latest_analysis_wins(self, units: Units, mine: Scope) -> None:
        machine = await self._add(units, mine)
        for at, latest in ((NOW, NOW), (NOW + HOUR, NOW + HOUR), (NOW - HOUR, NOW + HOUR)):
            async with units(mine) as unit:
                await unit.machines.note_analysis(machine.id, at)
                found = await unit.machines.get(machine.id)
            assert found == replace(machine, last_analysis_at=latest)
        async with units(mine) as unit:
            await unit.machines.note_analysis(uuid4(), NOW)

    async def test_lists_run_newest_first_through_all_pages(self, units: Units, mine: Scope) -> None:
        """Three machines have the same creation time, so their ids order them."""
        expected = [
            await self._add(units, mine, created_at=NOW + HOUR * hours) for hours in (0, 1, 1, 1, 2, 3, 4)
        ]
        expected.sort(key=lambda machine: (machine.created_at, machine.id), reverse=True)
        for limit in (1, 2, 3, 7, 8):
            seen: list[Machine] = []
            page: PageRequest | None = PageRequest(limit)
            while page is not None:
                async with units(mine) as unit:
                    part = await unit.machines.list(MachineFilter(), page)
                assert len(part.items) <= limit
                seen += part.items
                page = PageRequest(limit, part.next_cursor) if part.next_cursor else None
            assert seen == expected

    async def test_filters(self, units: Units, mine: Scope) -> None:
        described: list[dict[str, object]] = [
            {"name": "Fan", "location": "Hall A/1"},
            {"name": "Pump", "location": "hall a/2", "status": MachineStatus.RETIRED},
            {
                "name": "100% Mixer_9",
                "location": None,
                "serial_number": "SN-44",
                "model": None,
                "tags": ("wet",),
            },
            {"name": "Press", "location": "Yard of hall A", "model": "Ünique"},
        ]
        for number, fields in enumerate(described):
            await self._add(units, mine, created_at=NOW + HOUR * number, **fields)
        assert await self._names(units, mine, status=MachineStatus.RETIRED) == ["Pump"]
        assert await self._names(units, mine, location="HALL A") == ["Pump", "Fan"]
        assert await self._names(units, mine, location="Hall A", text="an") == ["Fan"]
        assert await self._names(units, mine, text="sn-4") == ["100% Mixer_9"]
        # Special characters of patterns are plain text here.
        assert await self._names(units, mine, text="0% m") == ["100% Mixer_9"]
        assert await self._names(units, mine, text="_") == ["100% Mixer_9"]
        assert await self._names(units, mine, location="%") == []
        assert await self._names(units, mine, text="P-75") == ["Pump", "Fan"]
        assert await self._names(units, mine, text="nowhere") == []
        assert await self._names(units, mine, tag="Pump") == ["Press", "Pump", "Fan"]
        assert await self._names(units, mine, tag="wet", text="mixer") == ["100% Mixer_9"]
        assert await self._names(units, mine, tag="WET") == []
