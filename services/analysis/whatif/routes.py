"""HTTP of what-if questions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.analysis.database.unit import Units
from services.analysis.engine.config import MAX_FALSE_ALARM_RATE, MAX_SENSITIVITY, MIN_FALSE_ALARM_RATE
from services.analysis.whatif.schemas import WhatIfOut
from services.analysis.whatif.service import WhatIfService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.problems import problem_responses


def build_what_if_router(what_ifs: WhatIfService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["analyses"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.ANALYSES_READ))]

    @router.get(
        "/analyses/{analysis_id}/what-if",
        summary="Ask what another threshold would find",
        responses=problem_responses(404, 409, 429),
    )
    async def get_what_if(
        caller: reader,
        analysis_id: UUID,
        threshold_sigmas: Annotated[
            float | None,
            Query(
                gt=0,
                le=MAX_SENSITIVITY,
                allow_inf_nan=False,
                description="The threshold in standard deviations above the mean distance of normal samples",
            ),
        ] = None,
        false_alarm_rate: Annotated[
            float | None,
            Query(
                ge=MIN_FALSE_ALARM_RATE,
                le=MAX_FALSE_ALARM_RATE,
                allow_inf_nan=False,
                description="The share of normal samples above the threshold",
            ),
        ] = None,
    ) -> WhatIfOut:
        """Judges the stored distances by another threshold, without scoring again. Send one of the two
        parameters, or none for the settings of the run itself."""
        async with what_ifs.turns.of(caller.organization_id), units(caller.scope) as unit:
            return WhatIfOut.of(await what_ifs.ask(unit, analysis_id, threshold_sigmas, false_alarm_rate))

    return router
