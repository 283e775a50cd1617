"""HTTP of sources."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.analysis.database.unit import Units
from services.analysis.machines.directory import MachineDirectory
from services.analysis.sources.domain import FileState
from services.analysis.sources.schemas import SourceCreate, SourceFileOut, SourceOut, SourceUpdate, fields_of
from services.analysis.sources.service import SourceService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_source_router(
    sources: SourceService, directory: MachineDirectory, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/machines/{machine_id}/sources",
        tags=["sources"],
        responses=problem_responses(400, 401, 403, 404, 422),
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_READ))]
    runner = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_WRITE))]
    writer = Annotated[Caller, Depends(guard.may(Permission.CONFIGS_WRITE))]

    @router.get("", summary="List the sources of a machine")
    async def list_sources(caller: reader, machine_id: UUID, page: PageParameters) -> Page[SourceOut]:
        """The places that are watched for the machine's files, newest first."""
        await directory.find(caller, machine_id)
        async with units(caller.scope) as unit:
            return Page[SourceOut].of(await unit.sources.list(machine_id, page), SourceOut.of)

    @router.post("", status_code=201, summary="Watch a place for files", responses=problem_responses(409))
    async def create_source(
        caller: writer, machine_id: UUID, body: SourceCreate, response: Response
    ) -> SourceOut:
        """Each new file becomes a monitoring run of the machine, exactly once. The first look follows at
        once; then `problem` says what is wrong with the place."""
        await directory.find(caller, machine_id)
        async with units(caller.scope) as unit:
            source = await sources.create(unit, caller, machine_id, fields_of(body))
        response.headers["Location"] = f"/api/v1/machines/{machine_id}/sources/{source.id}"
        return SourceOut.of(source)

    @router.get("/{source_id}", summary="Get a source")
    async def get_source(caller: reader, machine_id: UUID, source_id: UUID) -> SourceOut:
        """What is watched, how many files wait, were taken or failed, and why files do not come."""
        async with units(caller.scope) as unit:
            return SourceOut.of(await sources.get(unit, machine_id, source_id))

    @router.patch("/{source_id}", summary="Change a source", responses=problem_responses(409))
    async def update_source(
        caller: writer, machine_id: UUID, source_id: UUID, body: SourceUpdate
    ) -> SourceOut:
        """Only the fields that are sent change. Files that were taken are not taken again."""
        async with units(caller.scope) as unit:
            changed = await sources.change(unit, caller, machine_id, source_id, fields_of(body))
        return SourceOut.of(changed)

    @router.delete("/{source_id}", status_code=204, summary="Delete a source")
    async def delete_source(caller: writer, machine_id: UUID, source_id: UUID) -> None:
        """Ends the watch. Files in the place and the analyses of taken ones stay."""
        async with units(caller.scope) as unit:
            await sources.remove(unit, caller, machine_id, source_id)

    @router.post(
        "/{source_id}/run", status_code=202, summary="Look at a source now", responses=problem_responses(409)
    )
    async def run_source(caller: runner, machine_id: UUID, source_id: UUID) -> SourceOut:
        """Does not wait for the schedule, and tries files that failed once more. Files that have just changed
        are still waited for."""
        async with units(caller.scope) as unit:
            return SourceOut.of(await sources.run(unit, caller, machine_id, source_id))

    @router.get("/{source_id}/files", summary="List the files of a source")
    async def list_source_files(
        caller: reader,
        machine_id: UUID,
        source_id: UUID,
        page: PageParameters,
        state: FileState | None = None,
    ) -> Page[SourceFileOut]:
        """Those that were seen last, first. Files that are gone are listed for 30 days."""
        async with units(caller.scope) as unit:
            source = await sources.get(unit, machine_id, source_id)
            return Page[SourceFileOut].of(
                await unit.sources.list_files(source.id, state, page), SourceFileOut.of
            )

    return router
