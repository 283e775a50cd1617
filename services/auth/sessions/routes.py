"""The caller's active sessions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.auth.database.unit import Units
from services.auth.sessions.schemas import SessionOut
from services.auth.sessions.service import SessionService
from shared.access import Identity, Scope
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_router(sessions: SessionService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/users/me/sessions", tags=["account"], responses=problem_responses(401, 403, 422)
    )
    signed_in = Annotated[Identity, Depends(guard.person)]

    @router.get("", summary="List your active sessions", responses=problem_responses(400))
    async def list_sessions(identity: signed_in, page: PageParameters) -> Page[SessionOut]:
        """The latest sign-in first."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            found = await sessions.list(unit, identity.user_id, page)
        return Page[SessionOut].of(found, lambda token: SessionOut.of(token, identity.session_id))

    @router.delete("", status_code=204, summary="End all your other sessions")
    async def end_other_sessions(identity: signed_in) -> None:
        """Their refresh tokens stop working; the session of this request goes on."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            await sessions.end_others(unit, identity.user_id, identity.session_id)

    @router.delete(
        "/{session_id}", status_code=204, summary="End a session", responses=problem_responses(404)
    )
    async def end_session(identity: signed_in, session_id: UUID) -> None:
        """Its refresh token stops working."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            await sessions.end(unit, identity.user_id, session_id)

    return router
