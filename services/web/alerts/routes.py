"""HTTP of the inbox of alerts, and of one alert."""

import asyncio
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.alerts.service import change_alert, change_alerts, read_inbox, user_id
from services.web.errors import ApiError
from services.web.layout.pages import Pages, moved
from services.web.people.service import names_of_members
from services.web.sessions.visit import ANY_PROBLEM, Visit, Visitors, optional


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}/alerts", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("")
    async def inbox(visit: member) -> Response:
        return await _inbox(visit)

    @router.post("")
    async def change_several(visit: member) -> Response:
        """Change the selected alerts. What failed is said; what was done stays done."""
        form = await visit.form()
        try:
            changed, failed = await change_alerts(visit, form)
        except ApiError as error:
            changed, failed = 0, [error]
        return await _inbox(visit, changed, failed)

    @router.get("/{alert_id}")
    async def alert_page(visit: member, alert_id: UUID) -> Response:
        return await _alert(visit, alert_id)

    @router.post("/{alert_id}")
    async def change_one(visit: member, alert_id: UUID) -> Response:
        form = await visit.form()
        try:
            await change_alert(visit, alert_id, form)
        except ApiError as error:
            return await _alert(visit, alert_id, error=error)
        return moved(visit, f"/o/{visit.organization_id}/alerts/{alert_id}")

    @router.post("/{alert_id}/deliveries/{delivery_id}")
    async def tell_again(visit: member, alert_id: UUID, delivery_id: UUID) -> Response:
        """Sends the same target how the alert stands now."""
        await visit.form()
        try:
            await visit.post(f"/deliveries/{delivery_id}/redeliver")
        except ApiError as error:
            return await _alert(visit, alert_id, error=error)
        return moved(visit, f"/o/{visit.organization_id}/alerts/{alert_id}")

    async def _inbox(visit: Visit, changed: int = 0, failed: Sequence[ApiError] = ()) -> Response:
        found, names = await asyncio.gather(read_inbox(visit), names_of_members(visit))
        return await pages.show(
            visit,
            "alerts/inbox.html",
            tab="inbox",
            error=None,
            inbox=found,
            changed=changed,
            failed=failed,
            names=names,
        )

    async def _alert(visit: Visit, alert_id: UUID, error: ApiError | None = None) -> Response:
        alert, names, timeline = await asyncio.gather(
            visit.get(f"/alerts/{alert_id}"),
            names_of_members(visit),
            visit.get(f"/alerts/{alert_id}/timeline"),
        )
        anomaly_id = alert["worst_anomaly_id"]
        # What an alert is about may have been deleted or archived: the alert is shown all the same.
        anomaly = await optional(visit.get(f"/anomalies/{anomaly_id}"), ANY_PROBLEM) if anomaly_id else None
        return await pages.show(
            visit,
            "alerts/alert.html",
            status=error.status if error else 200,
            alert=alert,
            anomaly=anomaly,
            names=names,
            timeline=timeline["items"],
            me=user_id(visit),
            error=error,
        )

    return router
