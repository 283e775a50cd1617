"""HTTP of archiving and restoring analyses."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.analysis.archives.schemas import ArchiveAccepted
from services.analysis.archives.service import ArchiveService
from services.analysis.database.unit import Units
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.problems import problem_responses


def build_archive_router(archives: ArchiveService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/analyses/{analysis_id}",
        tags=["analyses"],
        responses=problem_responses(400, 401, 403, 404, 409, 422),
    )
    archivist = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_ARCHIVE))]

    @router.post("/archive", status_code=202, summary="Archive an analysis")
    async def archive_analysis(caller: archivist, analysis_id: UUID, response: Response) -> ArchiveAccepted:
        """Moves points, anomalies and features to the object store. The analysis stays listed with its
        results, and its status becomes `archived`. Active baselines are refused, and those with runs that are
        not archived."""
        async with units(caller.scope) as unit:
            analysis = await archives.archive(unit, caller, analysis_id)
        response.headers["Location"] = f"/api/v1/analyses/{analysis_id}"
        return ArchiveAccepted.of(analysis)

    @router.post("/restore", status_code=202, summary="Restore an archived analysis")
    async def restore_analysis(caller: archivist, analysis_id: UUID, response: Response) -> ArchiveAccepted:
        """Brings everything back exactly as it was, with the baseline that the analysis was compared with.
        The status becomes `completed`. For 30 days (by default) it is not archived again by its age."""
        async with units(caller.scope) as unit:
            analysis = await archives.restore(unit, caller, analysis_id)
        response.headers["Location"] = f"/api/v1/analyses/{analysis_id}"
        return ArchiveAccepted.of(analysis)

    return router
