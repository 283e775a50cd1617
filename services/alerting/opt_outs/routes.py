"""HTTP routes of opt-outs."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.alerting.database.postgres import PostgresUnits
from services.alerting.opt_outs.schemas import OptOutCreate, OptOutOut
from services.alerting.opt_outs.service import OptOutService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_opt_outs_router(service: OptOutService, units: PostgresUnits, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/opt-outs", tags=["opt-outs"], responses=problem_responses(400, 401, 403, 422)
    )
    member = Annotated[Caller, Depends(guard.may(Permission.ALERTS_READ))]

    @router.get("", summary="List opt-outs")
    async def list_opt_outs(
        caller: member,
        page: PageParameters,
        everybody: Annotated[bool, Query(description="Of all members; for administrators")] = False,
    ) -> Page[OptOutOut]:
        """Your own, newest first."""
        if everybody:
            caller.require(Permission.ALERT_RULES_WRITE)
        async with units(caller.scope) as unit:
            found = await service.list(unit, None if everybody else caller.user_id, page)
        return Page[OptOutOut].of(found, OptOutOut.of)

    @router.post("", status_code=201, summary="Opt out of mail", responses=problem_responses(409))
    async def create_opt_out(caller: member, body: OptOutCreate, response: Response) -> OptOutOut:
        """You are still told when a rule names you yourself, or while you are on call."""
        async with units(caller.scope) as unit:
            made = await service.create(unit, caller, dict(body))
        response.headers["Location"] = f"/api/v1/opt-outs/{made.id}"
        return OptOutOut.of(made)

    @router.delete(
        "/{opt_out_id}", status_code=204, summary="Delete an opt-out", responses=problem_responses(404)
    )
    async def delete_opt_out(caller: member, opt_out_id: UUID) -> None:
        """You get the mail again."""
        async with units(caller.scope) as unit:
            await service.remove(unit, caller, opt_out_id)

    return router
