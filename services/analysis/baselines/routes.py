"""HTTP of baseline versions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.analysis.baselines.schemas import BaselineVersionOut, ComparisonOut
from services.analysis.baselines.service import BaselineService
from services.analysis.database.unit import Units
from services.analysis.machines.directory import MachineDirectory
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_baseline_router(
    baselines: BaselineService, directory: MachineDirectory, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/machines/{machine_id}/baselines",
        tags=["baselines"],
        responses=problem_responses(400, 401, 403, 404, 422),
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_WRITE))]

    @router.get("", summary="List the versions of a machine's baseline")
    async def list_baselines(
        caller: reader, machine_id: UUID, page: PageParameters
    ) -> Page[BaselineVersionOut]:
        """Newest first. The active one judges the machine's next samples: the one that somebody activated, or
        else the newest completed one. Archived ones are listed, too."""
        machine = await directory.find(caller, machine_id)
        async with units(caller.scope) as unit:
            found = await baselines.versions(unit, machine, page)
        return Page[BaselineVersionOut].of(found, BaselineVersionOut.of)

    @router.get(
        "/compare", summary="Compare two versions of a machine's baseline", responses=problem_responses(409)
    )
    async def compare_baselines(
        caller: reader,
        machine_id: UUID,
        older: Annotated[
            UUID | None, Query(alias="from", description="Default: the version before the other one")
        ] = None,
        newer: Annotated[UUID | None, Query(alias="to", description="Default: the newest version")] = None,
    ) -> ComparisonOut:
        """Which sensors moved, in standard deviations of the older version, and how each version judges the
        other one's samples."""
        machine = await directory.find(caller, machine_id)
        async with units(caller.scope) as unit:
            return ComparisonOut.of(await baselines.compare(unit, machine, older, newer))

    @router.post(
        "/{analysis_id}/activate",
        summary="Activate a version of a baseline",
        responses=problem_responses(409),
    )
    async def activate_baseline(
        caller: writer,
        machine_id: UUID,
        analysis_id: UUID,
        other_features: Annotated[
            bool, Query(description="Activate it even if its features are not those of the active one")
        ] = False,
    ) -> BaselineVersionOut:
        """It judges the machine's next samples, and later baselines are only proposed. This is also the way
        back to an earlier version. Runs that have completed stay as they are."""
        machine = await directory.find(caller, machine_id)
        async with units(caller.scope) as unit:
            chosen = await baselines.activate(
                unit, caller, machine, analysis_id, other_features=other_features
            )
        return BaselineVersionOut.of(chosen)

    @router.delete("/choice", status_code=204, summary="Use the newest baseline again")
    async def release_baseline(caller: writer, machine_id: UUID) -> None:
        """Withdraws what somebody activated: the newest completed baseline is the active one, now and
        whenever another one completes."""
        machine = await directory.find(caller, machine_id)
        async with units(caller.scope) as unit:
            await baselines.release(unit, caller, machine)

    return router
