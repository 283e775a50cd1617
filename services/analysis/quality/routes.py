"""HTTP of data quality."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.analysis.database.unit import Units
from services.analysis.quality.schemas import Quality
from services.analysis.quality.service import QualityService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.problems import problem_responses


def build_quality_router(qualities: QualityService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["analyses"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_READ))]

    @router.get(
        "/analyses/{analysis_id}/quality",
        summary="Get the quality of an analysis' data",
        responses=problem_responses(404, 409),
    )
    async def get_analysis_quality(caller: reader, analysis_id: UUID) -> Quality:
        """What was read and left out, what the times say, and the facts of each sensor."""
        async with units(caller.scope) as unit:
            return Quality.model_validate(await qualities.quality(unit, analysis_id))

    return router
