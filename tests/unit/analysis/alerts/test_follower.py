"""The replica of alerts: the newest state wins, in whatever order and how often events arrive."""

from datetime import timedelta
from itertools import permutations
from uuid import uuid4

import pytest

from services.analysis.alerts.domain import AlertRef
from services.analysis.alerts.follower import follow
from shared.access import Scope
from shared.events.alerting import AlertChanged, AlertStatus
from tests.unit.analysis.database.examples import NOW, a_machine
from tests.unit.analysis.database.fakes import FakeUnits
from tests.unit.shared.examples import EXAMPLES

SCOPE = Scope(organization_id=uuid4())
RAISED, ACKNOWLEDGED, RESOLVED = (NOW + timedelta(minutes=minute) for minute in (1, 2, 3))


def state(version: int, **changes: object) -> AlertChanged:
    example = EXAMPLES["alert.changed"]
    assert isinstance(example, AlertChanged)
    return example.model_copy(update={"version": version, "raised_at": RAISED} | changes)


async def told(units: FakeUnits, *alerts: AlertChanged) -> AlertRef | None:
    assert SCOPE.organization_id is not None
    for alert in alerts:
        async with units(SCOPE) as unit:
            await follow(unit, SCOPE.organization_id, NOW, alert)
    return units.memory.alerts.get(alerts[0].alert_id)


@pytest.mark.parametrize("order", list(permutations(range(3))))
async def test_the_newest_state_wins(order: tuple[int, ...]) -> None:
    states = [
        state(1),
        state(2, acknowledged_at=ACKNOWLEDGED),
        state(3, acknowledged_at=ACKNOWLEDGED, resolved_at=RESOLVED, status="resolved"),
    ]
    found = await told(FakeUnits(), *(states[each] for each in (*order, *order)))
    assert found is not None
    assert (found.version, found.status) == (3, "resolved")
    assert (found.raised_at, found.acknowledged_at, found.resolved_at) == (RAISED, ACKNOWLEDGED, RESOLVED)


@pytest.mark.parametrize(("status", "resolved_at"), [("active", None), ("resolved", NOW)])
async def test_events_without_times_get_their_own(status: AlertStatus, resolved_at: object) -> None:
    found = await told(FakeUnits(), state(1, raised_at=None, status=status))
    assert found is not None
    assert (found.raised_at, found.resolved_at) == (NOW, resolved_at)


async def test_alerts_of_deleted_machines_are_ignored() -> None:
    units, alert = FakeUnits(), state(1)
    async with units(SCOPE) as unit:
        await unit.machines.merge(a_machine(SCOPE, id=alert.machine_id, deleted=True))
    assert await told(units, alert) is None
