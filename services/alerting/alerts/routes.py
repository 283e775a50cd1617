"""HTTP routes of alerts."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.alerting.alerts.bulk import change_all
from services.alerting.alerts.domain import AlertFilter, AlertStatus
from services.alerting.alerts.schemas import (
    AlertAcknowledge,
    AlertAssign,
    AlertBulk,
    AlertComment,
    AlertCountsOut,
    AlertDetail,
    AlertNote,
    AlertOut,
    AlertResolve,
    AlertSummaryOut,
    BulkResult,
    BulkResults,
)
from services.alerting.alerts.service import AlertService
from services.alerting.database.postgres import PostgresUnits
from services.alerting.rules.leaves import SeverityLabel
from services.alerting.rules.signals import Severity
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.fields import Moment
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses

NO_NOTE, NO_ACKNOWLEDGE, NO_RESOLVE = AlertNote(), AlertAcknowledge(), AlertResolve()


def _filter(
    status: AlertStatus | None = None,
    severity: SeverityLabel | None = None,
    machine_id: UUID | None = None,
    alert_rule_id: UUID | None = None,
    assigned_to: UUID | None = None,
    open: bool | None = None,
    unacknowledged: bool | None = None,
    since: Moment | None = None,
    until: Moment | None = None,
) -> AlertFilter:
    return AlertFilter(
        status,
        Severity.parse(severity) if severity else None,
        machine_id,
        alert_rule_id,
        assigned_to,
        open,
        unacknowledged,
        since,
        until,
    )


Filters = Annotated[AlertFilter, Depends(_filter)]


def build_alerts_router(service: AlertService, units: PostgresUnits, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/alerts", tags=["alerts"], responses=problem_responses(400, 401, 403, 422)
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERTS_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ALERTS_WRITE))]

    @router.get("", summary="List alerts")
    async def list_alerts(caller: reader, page: PageParameters, wanted: Filters) -> Page[AlertOut]:
        """Newest first. Pending alerts are only listed with `status=pending`."""
        async with units(caller.scope) as unit:
            return Page[AlertOut].of(await service.list(unit, wanted, page), AlertOut.of)

    @router.get("/counts", summary="Count alerts")
    async def count_alerts(caller: reader, wanted: Filters) -> AlertCountsOut:
        """The number of alerts that the list with the same filters has, in groups."""
        async with units(caller.scope) as unit:
            return AlertCountsOut.of(await service.count(unit, wanted))

    @router.get("/summary", summary="Summarize the alerts of a shift")
    async def summarize_alerts(
        caller: reader, since: Moment | None = None, until: Moment | None = None
    ) -> AlertSummaryOut:
        """By default of the last 8 hours."""
        async with units(caller.scope) as unit:
            return AlertSummaryOut.of(await service.summary(unit, since, until))

    @router.post("/bulk", summary="Change several alerts")
    async def change_alerts(caller: writer, body: AlertBulk) -> BulkResults:
        """Applies one action to each alert. Those that it cannot be applied to are refused, one by one."""
        async with units(caller.scope) as unit:
            outcomes = await change_all(service, unit, caller, body.bulk())
        return BulkResults(results=[BulkResult.of(outcome) for outcome in outcomes])

    @router.get("/{alert_id}", summary="Get an alert with its deliveries", responses=problem_responses(404))
    async def get_alert(caller: reader, alert_id: UUID) -> AlertDetail:
        """The alert and every attempt to deliver it."""
        async with units(caller.scope) as unit:
            return AlertDetail.with_deliveries(*await service.get(unit, alert_id))

    @router.post(
        "/{alert_id}/acknowledge",
        summary="Acknowledge an alert",
        description="Idempotent. If somebody else has acknowledged it, the answer is 409 and says who. An"
        " increase in severity ends the acknowledgement.",
        responses=problem_responses(404, 409),
    )
    async def acknowledge_alert(
        caller: writer, alert_id: UUID, body: AlertAcknowledge = NO_ACKNOWLEDGE
    ) -> AlertOut:
        async with units(caller.scope) as unit:
            acknowledged = await service.acknowledge(unit, caller, alert_id, body.note, body.expires_at)
        return AlertOut.of(acknowledged)

    @router.post(
        "/{alert_id}/unacknowledge",
        summary="End the acknowledgement of an alert",
        description="Idempotent. Ends the acknowledgement of somebody else, too.",
        responses=problem_responses(404, 409),
    )
    async def unacknowledge_alert(caller: writer, alert_id: UUID, body: AlertNote = NO_NOTE) -> AlertOut:
        async with units(caller.scope) as unit:
            return AlertOut.of(await service.unacknowledge(unit, caller, alert_id, body.note))

    @router.post("/{alert_id}/assign", summary="Assign an alert", responses=problem_responses(404, 409))
    async def assign_alert(caller: writer, alert_id: UUID, body: AlertAssign) -> AlertOut:
        """Idempotent."""
        async with units(caller.scope) as unit:
            return AlertOut.of(await service.assign(unit, caller, alert_id, body.user_id, body.note))

    @router.post("/{alert_id}/comment", summary="Comment on an alert", responses=problem_responses(404, 409))
    async def comment_on_alert(caller: writer, alert_id: UUID, body: AlertComment) -> AlertOut:
        """The comment is part of the timeline."""
        async with units(caller.scope) as unit:
            return AlertOut.of(await service.comment(unit, caller, alert_id, body.note))

    @router.post(
        "/{alert_id}/resolve",
        summary="Resolve an alert",
        description="Idempotent. A resolved alert gets the given outcome, fault code or note. A later finding"
        " opens a new alert or reopens this one.",
        responses=problem_responses(404, 409),
    )
    async def resolve_alert(caller: writer, alert_id: UUID, body: AlertResolve = NO_RESOLVE) -> AlertOut:
        async with units(caller.scope) as unit:
            return AlertOut.of(await service.resolve(unit, caller, alert_id, body.resolution()))

    @router.post("/{alert_id}/reopen", summary="Reopen an alert", responses=problem_responses(404, 409))
    async def reopen_alert(caller: writer, alert_id: UUID, body: AlertNote = NO_NOTE) -> AlertOut:
        """Opens a resolved alert again, unless its rule has opened another one since."""
        async with units(caller.scope) as unit:
            return AlertOut.of(await service.reopen(unit, caller, alert_id, body.note))

    return router
