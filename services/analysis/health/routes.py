"""HTTP of machines' health."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.analysis.database.unit import Units
from services.analysis.health.schemas import DeteriorationOut, HealthOut
from services.analysis.health.service import HealthService
from services.analysis.machines.directory import MachineDirectory
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.problems import problem_responses


def build_health_router(
    health: HealthService, directory: MachineDirectory, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["health"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.ANOMALIES_READ))]

    @router.get(
        "/machines/{machine_id}/health",
        summary="Get the health of a machine",
        responses=problem_responses(404),
    )
    async def get_machine_health(caller: reader, machine_id: UUID) -> HealthOut:
        """The state with its reasons, the wear of each run, and anomalies per day."""
        machine = await directory.find(caller, machine_id)
        async with units(caller.scope) as unit:
            return HealthOut.of(await health.health(unit, machine))

    @router.get(
        "/machines/{machine_id}/deterioration",
        summary="Get the wear of a machine and its trend",
        responses=problem_responses(404, 409),
    )
    async def get_machine_deterioration(
        caller: reader,
        machine_id: UUID,
        by: Annotated[
            str | None,
            Query(
                max_length=255, description="An ordered metadata column. Default: the order of the samples"
            ),
        ] = None,
    ) -> DeteriorationOut:
        """The wear of its monitoring runs since the baseline, and the trend with its interval. Of long
        histories, it is that of the newest 1,000,000 samples."""
        machine = await directory.find(caller, machine_id)
        async with units(caller.scope) as unit:
            return DeteriorationOut.model_validate(await health.deterioration(unit, machine, by))

    return router
