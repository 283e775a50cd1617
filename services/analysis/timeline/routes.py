"""HTTP of a machine's timeline."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.analysis.database.unit import Units
from services.analysis.machines.directory import MachineDirectory
from services.analysis.timeline.schemas import TimelineOut
from services.analysis.timeline.service import TimelineService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.fields import Moment
from shared.http.problems import problem_responses

MIN_POINTS, DEFAULT_POINTS, MAX_POINTS = 10, 1000, 5000


def build_timeline_router(
    timelines: TimelineService, directory: MachineDirectory, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["health"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.ANOMALIES_READ))]

    @router.get(
        "/machines/{machine_id}/timeline",
        summary="Get the timeline of a machine",
        responses=problem_responses(404),
    )
    async def get_machine_timeline(
        caller: reader,
        machine_id: UUID,
        since: Annotated[
            Moment | None, Query(description="Inclusive. Default: 30 days before `until`")
        ] = None,
        until: Annotated[
            Moment | None, Query(description="Exclusive. Default: after the newest sample")
        ] = None,
        points: Annotated[
            int, Query(ge=MIN_POINTS, le=MAX_POINTS, description="The maximum number of buckets")
        ] = DEFAULT_POINTS,
    ) -> TimelineOut:
        """Distance divided by threshold on the samples' own times, with runs, alerts, baselines and failures.

        Minimum and maximum of each bucket are exact, so a peak is visible in every range.
        """
        machine = await directory.find(caller, machine_id)
        async with units(caller.scope) as unit:
            found = await timelines.timeline(unit, machine.id, since, until, points)
        return TimelineOut.of(found)

    return router
