"""HTTP of the overview."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.errors import ApiError
from services.web.layout.pages import Pages, moved
from services.web.overview.domain import SAMPLE_RIG
from services.web.overview.service import read_fleet
from services.web.sessions.visit import Visit, Visitors


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("/overview")
    async def overview(visit: member) -> Response:
        fleet = await read_fleet(visit)
        if fleet.is_empty:
            return await pages.show(visit, "overview/first_steps.html", error=None)
        return await pages.show(visit, "overview/overview.html", fleet=fleet)

    @router.post("/machines")
    async def add_machine(visit: member) -> Response:
        """A machine of the visitor's own, or the sample rig, which they can delete like any other."""
        form = await visit.form()
        own = {"name": form.get("name"), "location": form.get("location") or None}
        try:
            machine = await visit.post("/machines", SAMPLE_RIG if form.get("sample") else own)
        except ApiError as error:
            return await pages.show(visit, "overview/first_steps.html", status=error.status, error=error)
        return moved(visit, f"/o/{visit.organization_id}/analyses/new?machine={machine['id']}")

    return router
