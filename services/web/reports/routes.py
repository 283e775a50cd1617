"""HTTP of reports."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from markupsafe import Markup
from starlette.responses import Response

from services.web.layout.pages import Pages
from services.web.machines.service import MachinePages
from services.web.people.service import names_of_members
from services.web.sessions.visit import Visit, Visitors
from shared.clock import Clock


def build_router(pages: Pages, visitors: Visitors, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}/reports", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]
    machines = MachinePages()

    @router.get("/machines/{machine_id}")
    async def machine_report(visit: member, machine_id: UUID) -> Response:
        """Words, figures, picture and versions, in the time that the address names."""
        shown = await machines.map(visit, machine_id)
        drawn, made = await _drawn(visit, shown), clock.now().isoformat()
        return await pages.show(visit, "reports/machine.html", picture=drawn, made=made, **shown)

    @router.get("/alerts/{alert_id}")
    async def alert_report(visit: member, alert_id: UUID) -> Response:
        """An alert with its story, and the machine at that moment: what the next shift must know."""
        alert = await visit.get(f"/alerts/{alert_id}")
        worst = await machines.worst_of(visit, alert)
        shown, timeline, names, drawn = await asyncio.gather(
            machines.at_alert(visit, alert, worst),
            visit.get(f"/alerts/{alert_id}/timeline"),
            names_of_members(visit),
            machines.picture_of(visit, worst),
        )
        drawn, made = drawn or await _drawn(visit, shown), clock.now().isoformat()
        story = {"alert": alert, "timeline_of_alert": timeline["items"], "names": names}
        return await pages.show(visit, "reports/machine.html", picture=drawn, made=made, **story, **shown)

    async def _drawn(visit: Visit, shown: Mapping[str, Any]) -> Markup | None:
        """The map with the sample of the report."""
        run, sample = shown["run"], shown["panel"]["sample"]
        return await machines.picture(visit, run, sample) if run else None

    return router
