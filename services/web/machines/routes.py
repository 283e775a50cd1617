"""HTTP of a machine's pages."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.errors import UnknownPage
from services.web.layout.pages import HEADERS, Pages, moved
from services.web.live.passing import passed_on
from services.web.machines import forms
from services.web.machines.service import MachinePages
from services.web.sessions.visit import Visit, Visitors, target

# An analysis that is complete does not change; a restored one has the same points.
AS_CSV = {"Accept": "text/csv"}
KEPT = {**HEADERS, "Cache-Control": "private, max-age=86400", "Vary": "Cookie"}


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]
    machines = MachinePages()

    @router.get("/machines/{machine_id}")
    async def machine_map(visit: member, machine_id: UUID) -> Response:
        return await pages.show(visit, "machines/map.html", **await machines.map(visit, machine_id))

    @router.get("/machines/{machine_id}/sample")
    async def machine_sample(
        visit: member, machine_id: UUID, run: UUID, sample: int | None = None
    ) -> Response:
        panel = await machines.sample(visit, machine_id, await visit.get(f"/analyses/{run}"), sample)
        return pages.render(visit, "machines/panel.html", panel=panel)

    @router.get("/machines/{machine_id}/wear")
    async def machine_wear(visit: member, machine_id: UUID) -> Response:
        found = await machines.wear(visit, machine_id, pages.gettext(visit))
        return await pages.show(visit, "machines/wear.html", **found)

    @router.get("/machines/{machine_id}/quality")
    async def machine_quality(visit: member, machine_id: UUID) -> Response:
        return await pages.show(visit, "machines/quality.html", **await machines.quality(visit, machine_id))

    @router.get("/machines/{machine_id}/baselines")
    async def machine_baselines(visit: member, machine_id: UUID) -> Response:
        return await pages.show(
            visit, "machines/baselines.html", **await machines.baselines(visit, machine_id)
        )

    @router.post("/machines/{machine_id}/baselines")
    async def choose_baseline(visit: member, machine_id: UUID) -> Response:
        await machines.choose_baseline(visit, machine_id, await visit.form())
        return moved(visit, f"/o/{visit.organization_id}/machines/{machine_id}/baselines")

    @router.get("/machines/{machine_id}/runs")
    async def machine_runs(visit: member, machine_id: UUID) -> Response:
        return await pages.show(visit, "machines/runs.html", **await machines.runs(visit, machine_id))

    @router.get("/machines/{machine_id}/settings")
    async def machine_settings(visit: member, machine_id: UUID) -> Response:
        return await pages.show(visit, "machines/settings.html", **await machines.settings(visit, machine_id))

    @router.post("/machines/{machine_id}/settings")
    async def change_machine(visit: member, machine_id: UUID) -> Response:
        form = await visit.form()
        error = await machines.change(visit, machine_id, form)
        if error is None:
            return moved(visit, f"/o/{visit.organization_id}/machines/{machine_id}/settings")
        shown = await machines.settings(visit, machine_id)
        shown["machine"] = {**shown["machine"], **forms.machine(form)}
        return await pages.show(
            visit, "machines/settings.html", status=error.status, **(shown | {"error": error})
        )

    @router.get("/analyses/{analysis_id}/columns")
    async def columns(visit: member, analysis_id: UUID, start: int = 0, stop: int = 0) -> Response:
        """The samples of an analysis for the map: see `columns.py`."""
        content = await machines.columns(visit, analysis_id, start, stop)
        return Response(content, media_type="application/octet-stream", headers=KEPT)

    @router.get("/analyses/{analysis_id}/anomalies.csv")
    async def export_anomalies(visit: member, analysis_id: UUID) -> Response:
        asked = target("/anomalies", {"analysis_id": analysis_id})
        return await passed_on(visit, asked, headers=AS_CSV, filename="anomalies.csv")

    @router.get("/uploads/{upload_id}/samples.csv")
    async def export_samples(
        visit: member, upload_id: UUID, start: int = 0, stop: int | None = None
    ) -> Response:
        asked = target(f"/file-uploads/{upload_id}/features", {"start": start, "stop": stop})
        return await passed_on(visit, asked, headers=AS_CSV, filename="samples.csv")

    @router.get("/analyses/{analysis_id}/map.svg")
    async def map_picture(visit: member, analysis_id: UUID) -> Response:
        content = await machines.picture(visit, await visit.get(f"/analyses/{analysis_id}"))
        if content is None:
            raise UnknownPage(visit.request.url.path)
        return Response(content, media_type="image/svg+xml", headers=KEPT)

    return router
