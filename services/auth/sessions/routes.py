"""The caller's live sessions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.auth.database.unit import Units
from services.auth.sessions.schemas import SessionOut
from services.auth.sign_in.service import SignInService
from shared.access import Scope
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses
from shared.tokens import Identity


def build_router(sign_in: SignInService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/users/me/sessions", tags=["account"], responses=problem_responses(401, 403, 422)
    )
    signed_in = Annotated[Identity, Depends(guard.person)]

    @router.get("", summary="List your live sessions", responses=problem_responses(400))
    async def list_sessions(identity: signed_in, page: PageParameters) -> Page[SessionOut]:
        async with units(Scope(user_id=identity.user_id)) as unit:
            found = await sign_in.sessions(unit, identity.user_id, page)
        return Page[SessionOut].of(found, lambda token: SessionOut.of(token, identity.session_id))

    @router.delete("", status_code=204, summary="End all your sessions but this one")
    async def end_other_sessions(identity: signed_in) -> None:
        async with units(Scope(user_id=identity.user_id)) as unit:
            await sign_in.end_other_sessions(unit, identity.user_id, identity.session_id)

    @router.delete(
        "/{session_id}", status_code=204, summary="End a session", responses=problem_responses(404)
    )
    async def end_session(identity: signed_in, session_id: UUID) -> None:
        async with units(Scope(user_id=identity.user_id)) as unit:
            await sign_in.end_session(unit, identity.user_id, session_id)

    return router
