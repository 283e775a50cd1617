"""HTTP routes of deliveries and timelines."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.alerting.database.postgres import PostgresUnits
from services.alerting.deliveries.domain import DeliveryFilter, DeliveryStatus
from services.alerting.deliveries.schemas import Deliveries, DeliveryOut, Timeline, TimelineEntry
from services.alerting.deliveries.service import DeliveryService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_deliveries_router(service: DeliveryService, units: PostgresUnits, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/api/v1", tags=["deliveries"], responses=problem_responses(400, 401, 403, 422))
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERTS_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ALERTS_WRITE))]

    @router.get("/deliveries", summary="List deliveries")
    async def list_deliveries(
        caller: reader, page: PageParameters, status: DeliveryStatus | None = None
    ) -> Page[DeliveryOut]:
        """Attempts of all alerts, newest first. `status=given_up` lists the messages that nobody got."""
        async with units(caller.scope) as unit:
            found = await service.list(unit, DeliveryFilter(status), page)
        return Page[DeliveryOut].of(found, DeliveryOut.of)

    @router.post(
        "/deliveries/{delivery_id}/redeliver",
        status_code=202,
        summary="Send a message again",
        responses=problem_responses(404, 409),
    )
    async def redeliver(caller: writer, delivery_id: UUID) -> DeliveryOut:
        """Tells the same target how the alert stands now, in a new message."""
        async with units(caller.scope) as unit:
            return DeliveryOut.of(await service.redeliver(unit, caller, delivery_id))

    @router.get(
        "/alerts/{alert_id}/deliveries",
        summary="List the deliveries of an alert",
        responses=problem_responses(404),
    )
    async def list_alert_deliveries(caller: reader, alert_id: UUID) -> Deliveries:
        """Who was told what, when, and whether it arrived; oldest first, the newest 1,000."""
        async with units(caller.scope) as unit:
            found = await service.of_alert(unit, alert_id)
        return Deliveries(items=[DeliveryOut.of(each) for each in found])

    @router.get(
        "/alerts/{alert_id}/timeline",
        summary="Get the timeline of an alert",
        responses=problem_responses(404),
    )
    async def get_alert_timeline(caller: reader, alert_id: UUID) -> Timeline:
        """Its changes and who was told of them, oldest first; of each, the newest 1,000."""
        async with units(caller.scope) as unit:
            changes, deliveries = await service.timeline(unit, alert_id)
        items = [TimelineEntry.of_change(each) for each in changes]
        items += [TimelineEntry.of_delivery(each) for each in deliveries]
        return Timeline(items=sorted(items, key=lambda each: each.at))

    return router
