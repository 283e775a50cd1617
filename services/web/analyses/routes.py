"""HTTP of the pages of analyses."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.web.analyses.service import AnalysisPages
from services.web.layout.pages import Pages, moved
from services.web.sessions.visit import FORM_TOKEN_HEADER, Visit, Visitors


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]
    analyses = AnalysisPages()

    @router.get("/analyses")
    async def analyses_list(visit: member) -> Response:
        return await pages.show(visit, "analyses/analyses.html", **await analyses.list(visit))

    @router.get("/analyses/new")
    async def new_analysis(visit: member) -> Response:
        return await pages.show(visit, "analyses/new.html", **await analyses.new(visit))

    @router.post("/analyses/preview")
    async def preview_of_file(visit: member, request: Request) -> Response:
        """What is understood of the beginning of a file, as a table of columns that can be changed."""
        visit.check_origin()
        visit.check_form_token(request.headers.get(FORM_TOKEN_HEADER, ""))
        preview = await analyses.preview(visit, request.headers.get("Content-Type", ""), request.stream())
        return pages.render(visit, "analyses/preview.html", preview=preview)

    @router.get("/analyses/{analysis_id}")
    async def analysis(visit: member, analysis_id: UUID) -> Response:
        return await pages.show(visit, "analyses/analysis.html", **await analyses.one(visit, analysis_id))

    @router.post("/analyses/{analysis_id}/{action}")
    async def act_on_analysis(visit: member, analysis_id: UUID, action: str) -> Response:
        await visit.form()
        await analyses.act(visit, analysis_id, action)
        return moved(visit, f"/o/{visit.organization_id}/analyses/{analysis_id}")

    @router.get("/analyses/{analysis_id}/what-if")
    async def what_if(visit: member, analysis_id: UUID) -> Response:
        return await pages.show(visit, "analyses/what_if.html", **await analyses.what_if(visit, analysis_id))

    @router.post("/analyses/{analysis_id}/what-if/keep")
    async def keep_rate(visit: member, analysis_id: UUID) -> Response:
        rate = await analyses.keep(visit, str((await visit.form()).get("rate", "")))
        target = f"/o/{visit.organization_id}/analyses/{analysis_id}/what-if?rate={rate}&kept=true"
        return moved(visit, target)

    return router
