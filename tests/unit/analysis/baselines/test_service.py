"""Answers that need a baseline's model, while the object store is away."""

from uuid import uuid4

import pytest
from obstore.exceptions import GenericError

from services.analysis.baselines.service import BaselineService
from services.analysis.objects.models import ModelStore
from services.analysis.objects.store import Storage
from services.analysis.whatif.service import WhatIfService
from shared.access import Scope
from shared.audit import Auditor
from shared.errors import Unavailable
from tests.support.fakes import FakeClock
from tests.unit.analysis.database.examples import HOUR, NOW, completed
from tests.unit.analysis.database.fakes import FakeUnits


@pytest.mark.parametrize("error", [GenericError("connection refused"), FileNotFoundError("no such object")])
async def test_models_that_cannot_be_read_are_unavailable(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    async def get(key: str) -> bytes:
        raise error

    clock, storage = FakeClock(NOW), Storage.at("memory:///")
    monkeypatch.setattr(storage, "get", get)
    models, units, scope = ModelStore(storage), FakeUnits(clock), Scope(organization_id=uuid4())
    async with units(scope) as unit:
        first = await completed(unit, scope)
        await completed(unit, scope, machine_id=first.machine_id, created_at=NOW + HOUR)
        machine = await unit.machines.get(first.machine_id)
        assert machine is not None
        with pytest.raises(Unavailable):
            await BaselineService(models, clock, Auditor(clock)).compare(unit, machine, None, None)
        with pytest.raises(Unavailable):
            await WhatIfService(models).ask(unit, first.id, None, None)
