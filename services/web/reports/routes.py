"""HTTP of reports."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.layout.pages import Pages
from services.web.machines.service import MachinePages
from services.web.reports.service import Reports
from services.web.sessions.visit import Visit, Visitors
from shared.clock import Clock


def build_router(pages: Pages, visitors: Visitors, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}/reports", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]
    reports = Reports(MachinePages())

    @router.get("/machines/{machine_id}")
    async def machine_report(visit: member, machine_id: UUID) -> Response:
        """A machine on one page to print, with versions."""
        found, made = await reports.of_machine(visit, machine_id), clock.now().isoformat()
        return await pages.show(visit, "reports/machine.html", made=made, **found)

    @router.get("/alerts/{alert_id}")
    async def alert_report(visit: member, alert_id: UUID) -> Response:
        """What the next shift must know of an alert."""
        found, made = await reports.of_alert(visit, alert_id), clock.now().isoformat()
        return await pages.show(visit, "reports/machine.html", made=made, **found)

    return router
