"""HTTP of the fleet."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query

from services.analysis.database.unit import Units
from services.analysis.fleet.domain import FleetFilter, FleetSort
from services.analysis.fleet.schemas import FleetPage, decode_position
from services.analysis.fleet.service import FleetService
from shared.access import Caller, Permission
from shared.events.analysis import HealthState
from shared.http.caller import Guard
from shared.http.fields import STORABLE
from shared.http.pages import DEFAULT_LIMIT, Limit, Position
from shared.http.problems import problem_responses

Text = Annotated[
    str | None,
    Query(max_length=255, pattern=STORABLE, description="Text in name, model, location or tags"),
]
Location = Annotated[
    str | None, Query(max_length=500, pattern=STORABLE, description="Prefix of the location")
]
Tag = Annotated[str | None, Query(max_length=50, pattern=STORABLE, description="A tag, exactly as written")]


def build_fleet_router(fleet: FleetService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["health"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.ANOMALIES_READ))]

    @router.get("/fleet", summary="List machines with their health")
    async def list_fleet(
        caller: reader,
        position: Position,
        q: Text = None,
        location: Location = None,
        tag: Tag = None,
        state: HealthState | None = None,
        sort: FleetSort = FleetSort.NEED,
        limit: Limit = DEFAULT_LIMIT,
    ) -> FleetPage:
        """One row per machine, for the overview. `need` puts the worst open alert first, then the state;
        `silence` the machine whose last data are oldest. In these orders, a machine that changes its place
        between two pages may come twice or not at all; by `name`, each comes once."""
        after = None if position is None else decode_position(position)
        async with units(caller.scope) as unit:
            found = await fleet.list(unit, FleetFilter(q, location, tag, state), sort, after, limit)
        return FleetPage.of(found)

    return router
