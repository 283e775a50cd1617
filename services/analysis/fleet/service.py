"""Lists the fleet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.analysis.database.unit import Unit
from services.analysis.fleet.domain import FleetFilter, FleetMachine, FleetPosition, FleetSort
from shared.clock import Clock


@dataclass(frozen=True, slots=True)
class FleetSlice:
    """A page of machines as of `now`, and the position of the last one if more follow."""

    machines: Sequence[FleetMachine]
    following: FleetPosition | None
    now: datetime


class FleetService:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def list(
        self, unit: Unit, wanted: FleetFilter, sort: FleetSort, after: FleetPosition | None, limit: int
    ) -> FleetSlice:
        now = self._clock.now()
        found = await unit.fleet.machines(wanted, sort, after, limit + 1, now)
        machines = found[:limit]
        return FleetSlice(machines, machines[-1].position if len(found) > limit else None, now)
