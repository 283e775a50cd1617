"""HTTP of the inbox of alerts, and of one alert."""

import asyncio
from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.alerts.service import ACTIONS, change_alerts
from services.web.errors import ApiError
from services.web.layout.pages import Pages, moved
from services.web.people.service import names_of_members
from services.web.sessions.visit import Visit, Visitors

PAGE = 50
FILTERS = ("status", "severity", "machine_id")
# The inbox shows what is open, whatever else the visitor looks at: a time filter must not hide an alarm.
OPEN = "active"


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}/alerts", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("")
    async def inbox(visit: member) -> Response:
        return await _inbox(visit)

    @router.post("")
    async def change_several(visit: member) -> Response:
        """Acknowledge or resolve the selected alerts. What failed is said; what was done stays done."""
        form = await visit.form()
        action, ids = str(form.get("action", "")), [str(each) for each in form.getlist("alert")]
        changed, failed = await change_alerts(visit, action, ids, str(form.get("note", "")))
        return await _inbox(visit, changed=changed, failed=failed)

    @router.get("/{alert_id}")
    async def alert_page(visit: member, alert_id: UUID) -> Response:
        return await _alert(visit, alert_id)

    @router.post("/{alert_id}")
    async def change_one(visit: member, alert_id: UUID) -> Response:
        form = await visit.form()
        action = str(form.get("action", ""))
        try:
            if action in ACTIONS:
                await visit.post(f"/alerts/{alert_id}/{action}", {"note": form.get("note") or None})
        except ApiError as error:
            return await _alert(visit, alert_id, error=error)
        return moved(visit, f"/o/{visit.organization_id}/alerts/{alert_id}")

    async def _inbox(visit: Visit, **context: Any) -> Response:
        query = visit.request.query_params
        filters = {name: query[name] for name in FILTERS if query.get(name)}
        asked: Mapping[str, Any] = {"status": OPEN} | filters
        if asked["status"] == "all":
            asked = {**asked, "status": None}
        alerts = await visit.get("/alerts", limit=PAGE, cursor=query.get("cursor"), **asked)
        shown: dict[str, Any] = {"changed": 0, "failed": []} | context
        return await pages.show(visit, "alerts/inbox.html", alerts=alerts, filters=filters, **shown)

    async def _alert(visit: Visit, alert_id: UUID, error: ApiError | None = None) -> Response:
        alert, names = await asyncio.gather(visit.get(f"/alerts/{alert_id}"), names_of_members(visit))
        anomaly_id = alert["worst_anomaly_id"]
        anomaly = await _or_none(visit, f"/anomalies/{anomaly_id}") if anomaly_id else None
        return await pages.show(
            visit,
            "alerts/alert.html",
            status=error.status if error else 200,
            alert=alert,
            anomaly=anomaly,
            names=names,
            error=error,
        )

    return router


async def _or_none(visit: Visit, path: str) -> Mapping[str, Any] | None:
    """What an alert is about may have been deleted or archived: the alert is shown all the same."""
    try:
        return await visit.get(path)
    except ApiError:
        return None
