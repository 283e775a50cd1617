"""HTTP of reports."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
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
        run, sample = shown["run"], shown["panel"]["sample"]
        drawn = await machines.picture(visit, UUID(run["id"]), sample) if run else None
        made = clock.now().isoformat()
        return await pages.show(visit, "reports/machine.html", picture=drawn, made=made, **shown)

    @router.get("/alerts/{alert_id}")
    async def alert_report(visit: member, alert_id: UUID) -> Response:
        """An alert with its story, and the machine at that moment: what the next shift must know."""
        alert = await visit.get(f"/alerts/{alert_id}")
        shown, timeline, names = await asyncio.gather(
            machines.at_alert(visit, alert),
            visit.get(f"/alerts/{alert_id}/timeline"),
            names_of_members(visit),
        )
        run, sample = shown["run"], shown["panel"]["sample"]
        drawn = await machines.picture(visit, UUID(run["id"]), sample) if run else None
        made = clock.now().isoformat()
        story = {"alert": alert, "timeline_of_alert": timeline["items"], "names": names}
        return await pages.show(visit, "reports/machine.html", picture=drawn, made=made, **story, **shown)

    return router
