"""HTTP of the overview."""

import asyncio
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.errors import ApiError
from services.web.layout.pages import Pages, moved
from services.web.overview.domain import SAMPLE_RIG, Row
from services.web.sessions.visit import Visit, Visitors

PAGE = 100
FILTERS = ("q", "location", "tag", "state", "sort")


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("/overview")
    async def overview(visit: member) -> Response:
        query = visit.request.query_params
        filters = {name: query[name] for name in FILTERS if query.get(name)}
        fleet, alerts = await asyncio.gather(
            visit.get("/fleet", limit=PAGE, cursor=query.get("cursor"), **filters),
            visit.get("/alerts", status="active", limit=1),
        )
        rows = [Row(machine) for machine in fleet["items"]]
        if not rows and not filters and not query.get("cursor"):
            return await pages.show(visit, "overview/first_steps.html", error=None)
        return await pages.show(
            visit,
            "overview/overview.html",
            rows=rows,
            filters=filters,
            next_cursor=fleet["next_cursor"],
            has_alerts=bool(alerts["items"]),
        )

    @router.post("/machines")
    async def add_machine(visit: member) -> Response:
        """A machine of the visitor's own, or the sample rig, which they can delete like any other."""
        form = await visit.form()
        body = (
            SAMPLE_RIG
            if form.get("sample")
            else {"name": form.get("name"), "location": form.get("location") or None}
        )
        try:
            machine = await visit.post("/machines", body)
        except ApiError as error:
            return await pages.show(visit, "overview/first_steps.html", status=error.status, error=error)
        return moved(visit, f"/o/{visit.organization_id}/analyses/new?machine={machine['id']}")

    return router
