"""HTTP of contact points and of the maintenance calendar."""

import asyncio
from collections.abc import Awaitable, Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.api.client import Json
from services.web.errors import ApiError
from services.web.layout.pages import Pages, moved
from services.web.live.passing import passed_on
from services.web.machines.choices import named
from services.web.people.service import names_of_members
from services.web.reaching.domain import contact_point, maintenance_window
from services.web.sessions.visit import Visit, Visitors

PAGE = 100


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}/settings", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("/contacts")
    async def contacts(visit: member) -> Response:
        return await _contacts(visit)

    @router.post("/contacts")
    async def add_contact(visit: member) -> Response:
        fields = await _fields(visit)
        return await _changed(visit, "contacts", visit.post("/contact-points", contact_point(fields)), fields)

    @router.post("/contacts/{contact_id}/delete")
    async def delete_contact(visit: member, contact_id: UUID) -> Response:
        await visit.form()
        return await _changed(visit, "contacts", visit.delete(f"/contact-points/{contact_id}"))

    @router.post("/contacts/{contact_id}/switch")
    async def switch_contact(visit: member, contact_id: UUID) -> Response:
        fields = await _fields(visit)
        body = {"is_active": fields.get("is_active") == "true"}
        return await _changed(visit, "contacts", visit.patch(f"/contact-points/{contact_id}", body))

    @router.post("/contacts/{contact_id}/confirmation")
    async def ask_for_confirmation(visit: member, contact_id: UUID) -> Response:
        await visit.form()
        return await _changed(visit, "contacts", visit.post(f"/contact-points/{contact_id}/confirmation"))

    @router.post("/contacts/{contact_id}/test")
    async def test_contact(visit: member, contact_id: UUID) -> Response:
        """Sends a message now, and says how it fared."""
        await visit.form()
        try:
            outcome = await visit.post(f"/contact-points/{contact_id}/test")
        except ApiError as error:
            return await _contacts(visit, error=error)
        return await _contacts(visit, tested=outcome)

    @router.get("/maintenance")
    async def maintenance(visit: member) -> Response:
        return await _maintenance(visit)

    @router.post("/maintenance")
    async def add_window(visit: member) -> Response:
        fields = await _fields(visit)
        body = maintenance_window(fields)
        return await _changed(visit, "maintenance", visit.post("/maintenance-windows", body), fields)

    @router.post("/maintenance/{window_id}/delete")
    async def delete_window(visit: member, window_id: UUID) -> Response:
        await visit.form()
        return await _changed(visit, "maintenance", visit.delete(f"/maintenance-windows/{window_id}"))

    @router.get("/maintenance.ics")
    async def export_calendar(visit: member) -> Response:
        headers = {"Accept": "text/calendar"}
        return await passed_on(
            visit, "/maintenance-windows/calendar", headers=headers, filename="maintenance.ics"
        )

    async def _fields(visit: Visit) -> Mapping[str, str]:
        return {name: str(value) for name, value in (await visit.form()).items()}

    async def _changed(
        visit: Visit, tab: str, change: Awaitable[Json], fields: Mapping[str, str] | None = None
    ) -> Response:
        try:
            await change
        except ApiError as error:
            show = _contacts if tab == "contacts" else _maintenance
            return await show(visit, error=error, fields=fields or {})
        return moved(visit, f"/o/{visit.organization_id}/settings/{tab}")

    async def _contacts(visit: Visit, *, error: ApiError | None = None, **context: Any) -> Response:
        points, rotations, names = await asyncio.gather(
            _list(visit, "/contact-points"), visit.get("/rotations", limit=PAGE), names_of_members(visit)
        )
        shown: dict[str, Any] = {"fields": {}, "tested": None} | context
        status = error.status if error else 200
        return await pages.show(
            visit,
            "reaching/contacts.html",
            status=status,
            tab="contacts",
            error=error,
            points=points,
            rotations=[each["name"] for each in rotations["items"]],
            names=names,
            **shown,
        )

    async def _maintenance(
        visit: Visit, *, error: ApiError | None = None, fields: Mapping[str, str] | None = None
    ) -> Response:
        windows = await _list(visit, "/maintenance-windows")
        shown = [each for window in windows["items"] for each in window["matcher"]["machine_ids"]]
        return await pages.show(
            visit,
            "reaching/maintenance.html",
            status=error.status if error else 200,
            tab="maintenance",
            error=error,
            windows=windows,
            machines=await named(visit, "/machines", shown),
            fields=fields or {},
        )

    return router


async def _list(visit: Visit, path: str) -> Json:
    return await visit.get(path, limit=PAGE, cursor=visit.request.query_params.get("cursor"))
