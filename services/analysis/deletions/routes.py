"""HTTP of deleting analyses."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.analysis.database.unit import Units
from services.analysis.deletions.service import DeletionService
from shared.access import Caller, Permission
from shared.erasure.requests import DeletionAccepted, location
from shared.http.caller import Guard
from shared.http.problems import problem_responses


def build_deletion_router(deletions: DeletionService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["analyses"], responses=problem_responses(400, 401, 403, 422))
    remover = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_DELETE))]

    @router.delete(
        "/analyses/{analysis_id}",
        status_code=202,
        summary="Delete an analysis",
        responses=problem_responses(404, 409),
    )
    async def delete_analysis(
        caller: remover,
        analysis_id: UUID,
        response: Response,
        cascade: Annotated[
            bool,
            Query(description="Delete the baseline even if it is in use, together with all runs that use it"),
        ] = False,
    ) -> DeletionAccepted:
        """Cancels it if it is running. Its results, anomalies, features and files are deleted in the
        background; until then its status is `deleting`. `Location` names the certificate of what was
        deleted. 409 for a baseline that is active or that runs use, unless `cascade` is true, and if
        the machine is on legal hold."""
        await deletions.check_hold(caller, analysis_id)
        async with units(caller.scope) as unit:
            deletion = await deletions.delete(unit, caller, analysis_id, cascade=cascade)
        response.headers["Location"] = location(deletion)
        return DeletionAccepted.of(deletion)

    return router
