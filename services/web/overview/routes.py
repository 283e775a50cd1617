"""HTTP of the overview."""

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.layout.pages import Pages
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
        fleet = await visit.get("/fleet", limit=PAGE, cursor=query.get("cursor"), **filters)
        return await pages.show(visit, "overview/overview.html", fleet=fleet, filters=filters)

    return router
