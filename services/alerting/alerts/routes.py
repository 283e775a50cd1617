"""HTTP routes of alerts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.alerting.alerts.domain import AlertFilter, AlertStatus
from services.alerting.alerts.schemas import AlertDetail, AlertNote, AlertOut
from services.alerting.alerts.service import AlertService
from services.alerting.database.postgres import PostgresUnits
from services.alerting.rules.leaves import SeverityLabel
from services.alerting.rules.signals import Severity
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses

NO_NOTE = AlertNote()


def build_alerts_router(service: AlertService, units: PostgresUnits, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/alerts", tags=["alerts"], responses=problem_responses(400, 401, 403, 422)
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERTS_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ALERTS_WRITE))]

    @router.get("", summary="List alerts")
    async def list_alerts(
        caller: reader,
        page: PageParameters,
        status: AlertStatus | None = None,
        severity: SeverityLabel | None = None,
        machine_id: UUID | None = None,
    ) -> Page[AlertOut]:
        """Newest first."""
        wanted = AlertFilter(status, Severity.parse(severity) if severity else None, machine_id)
        async with units(caller.scope) as unit:
            found = await service.list(unit, wanted, page)
        return Page[AlertOut].of(found, AlertOut.of)

    @router.get("/{alert_id}", summary="Get an alert with its deliveries", responses=problem_responses(404))
    async def get_alert(caller: reader, alert_id: UUID) -> AlertDetail:
        """The alert and every attempt to deliver it."""
        async with units(caller.scope) as unit:
            return AlertDetail.with_deliveries(*await service.get(unit, alert_id))

    @router.post(
        "/{alert_id}/acknowledge",
        summary="Acknowledge an alert",
        description="Idempotent. An increase in severity revokes the acknowledgement.",
        responses=problem_responses(404, 409),
    )
    async def acknowledge_alert(caller: writer, alert_id: UUID, body: AlertNote = NO_NOTE) -> AlertOut:
        async with units(caller.scope) as unit:
            return AlertOut.of(await service.acknowledge(unit, caller, alert_id, body.note))

    @router.post(
        "/{alert_id}/resolve",
        summary="Resolve an alert",
        description="Idempotent. A later finding opens a new alert or reopens this one.",
        responses=problem_responses(404),
    )
    async def resolve_alert(caller: writer, alert_id: UUID, body: AlertNote = NO_NOTE) -> AlertOut:
        async with units(caller.scope) as unit:
            return AlertOut.of(await service.resolve(unit, caller, alert_id, body.note))

    return router
