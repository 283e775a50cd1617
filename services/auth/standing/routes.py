"""The question of other services whether access still stands."""

from fastapi import APIRouter

from services.auth.database.unit import Units
from services.auth.standing.schemas import AccessIn, AccessOut
from services.auth.standing.service import StandingService
from shared.access import Scope
from shared.http.caching import NO_STORE


def build_internal_router(standing: StandingService, units: Units) -> APIRouter:
    """Outside `/api/v1`, which is all that the gateway exposes."""
    router = APIRouter(prefix="/internal", include_in_schema=False)

    @router.post("/access", dependencies=[NO_STORE])
    async def check_access(body: AccessIn) -> AccessOut:
        async with units(Scope()) as unit:
            if body.api_key_id is not None:
                roles = await standing.of_key(unit, body.api_key_id, body.organization_id)
            else:
                roles = await standing.of_person(unit, body.user_id, body.session_id, body.organization_id)
        return AccessOut.of(roles[body.organization_id] if body.organization_id else None, roles)

    return router
