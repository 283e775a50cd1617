"""HTTP of the overview."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.errors import ApiError, UnknownPage
from services.web.layout.pages import Pages, moved
from services.web.overview.sample import SAMPLE_TAG, Step, advance, register
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
        home = f"/o/{visit.organization_id}"
        try:
            if form.get("sample"):
                return moved(visit, f"{home}/sample-rigs/{await register(visit)}")
            machine = await visit.post("/machines", own)
        except ApiError as error:
            return await pages.show(visit, "overview/first_steps.html", status=error.status, error=error)
        return moved(visit, f"{home}/analyses/new?machine={machine['id']}")

    @router.get("/sample-rigs/{machine_id}")
    async def sample(visit: member, machine_id: UUID) -> Response:
        """How far the sample rig has come. The page goes on by itself."""
        await visit.get(f"/machines/{machine_id}")
        return await pages.show(visit, "overview/sample.html", progress=None, machine_id=machine_id)

    @router.post("/sample-rigs/{machine_id}")
    async def go_on(visit: member, machine_id: UUID) -> Response:
        await visit.form()
        machine = await visit.get(f"/machines/{machine_id}")
        if SAMPLE_TAG not in machine["tags"]:
            raise UnknownPage(visit.request.url.path)
        progress = await advance(visit, machine)
        if progress.step is Step.DONE:
            return moved(visit, f"/o/{visit.organization_id}/machines/{machine_id}")
        return await pages.show(visit, "overview/sample.html", progress=progress, machine_id=machine_id)

    return router
