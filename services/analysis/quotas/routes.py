"""HTTP of quotas."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.analysis.database.unit import Units
from services.analysis.quotas.schemas import QuotaList, QuotaOut
from services.analysis.quotas.service import QuotaService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.problems import problem_responses


def build_quota_router(quotas: QuotaService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["quotas"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.QUOTAS_READ))]

    @router.get("/quotas", summary="List quotas")
    async def list_quotas(caller: reader) -> QuotaList:
        """What the organization uses of what the installation allows it, for administrators."""
        async with units(caller.scope) as unit:
            return QuotaList(items=[QuotaOut.of(quota) for quota in await quotas.list(unit)])

    return router
