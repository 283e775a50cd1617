"""HTTP of a person's own opt-outs; administrators see those of everybody."""

import asyncio
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.alerts.service import user_id
from services.web.errors import ApiError
from services.web.layout.pages import Pages, moved
from services.web.machines.choices import named
from services.web.opt_outs.domain import opt_out
from services.web.people.service import names_of_members
from services.web.sessions.visit import Visit, Visitors
from shared.clock import Clock

PAGE = 100


def build_router(pages: Pages, visitors: Visitors, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}/settings/mail", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("")
    async def opt_outs(visit: member) -> Response:
        return await _opt_outs(visit, {})

    @router.post("")
    async def add_opt_out(visit: member) -> Response:
        fields = {name: str(value) for name, value in (await visit.form()).items()}
        try:
            await visit.post("/opt-outs", opt_out(fields, clock.now()))
        except ApiError as error:
            return await _opt_outs(visit, fields, error)
        return moved(visit, f"/o/{visit.organization_id}/settings/mail")

    @router.post("/{opt_out_id}/delete")
    async def delete_opt_out(visit: member, opt_out_id: UUID) -> Response:
        await visit.form()
        try:
            await visit.delete(f"/opt-outs/{opt_out_id}")
        except ApiError as error:
            return await _opt_outs(visit, {}, error)
        return moved(visit, f"/o/{visit.organization_id}/settings/mail")

    async def _opt_outs(visit: Visit, fields: Mapping[str, str], error: ApiError | None = None) -> Response:
        cursor = visit.request.query_params.get("cursor")
        everybody = visit.may("admin") and visit.request.query_params.get("of") == "everybody"
        found, names = await asyncio.gather(
            visit.get("/opt-outs", limit=PAGE, cursor=cursor, everybody=everybody), names_of_members(visit)
        )
        chosen = [each for entry in found["items"] for each in entry["rule_ids"]]
        return await pages.show(
            visit,
            "opt_outs/opt_outs.html",
            status=error.status if error else 200,
            tab="mail",
            error=error,
            opt_outs=found,
            everybody=everybody,
            rules=await named(visit, "/alert-rules", [fields.get("rule_id", ""), *chosen]),
            names=names,
            me=user_id(visit),
            fields=fields,
        )

    return router
