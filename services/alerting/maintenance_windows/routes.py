"""HTTP routes of maintenance windows."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.alerting.database.postgres import PostgresUnits
from services.alerting.maintenance_windows.calendar import write_calendar
from services.alerting.maintenance_windows.schemas import (
    CalendarImport,
    CalendarImported,
    MaintenanceWindowCreate,
    MaintenanceWindowOut,
    MaintenanceWindowUpdate,
    OccurrenceOut,
    Occurrences,
    SkippedEvent,
)
from services.alerting.maintenance_windows.service import MaintenanceWindowService
from services.alerting.resources.domain import Resource
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.fields import Moment
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses

CALENDAR = "text/calendar"


def build_windows_router(service: MaintenanceWindowService, units: PostgresUnits, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/maintenance-windows",
        tags=["maintenance windows"],
        responses=problem_responses(400, 401, 403, 422),
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERTS_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ALERTS_WRITE))]

    def shown(window: Resource) -> MaintenanceWindowOut:
        return MaintenanceWindowOut.of(window, service.now)

    @router.get("", summary="List maintenance windows")
    async def list_maintenance_windows(
        caller: reader,
        page: PageParameters,
        ended: Annotated[bool, Query(description="Include those that have ended")] = False,
    ) -> Page[MaintenanceWindowOut]:
        """Newest first."""
        async with units(caller.scope) as unit:
            found = await service.list(unit, ended, page)
        return await asyncio.to_thread(Page[MaintenanceWindowOut].of, found, shown)

    @router.post("", status_code=201, summary="Create a maintenance window", responses=problem_responses(409))
    async def create_maintenance_window(
        caller: writer, body: MaintenanceWindowCreate, response: Response
    ) -> MaintenanceWindowOut:
        """While it lasts, alerts of the machines that it matches notify nobody."""
        async with units(caller.scope) as unit:
            made = await service.create(unit, caller, dict(body))
        response.headers["Location"] = f"/api/v1/maintenance-windows/{made.id}"
        return shown(made)

    @router.get(
        "/calendar",
        summary="Get the maintenance windows as a calendar",
        response_class=Response,
        responses={200: {"content": {CALENDAR: {"schema": {"type": "string"}}}}},
    )
    async def export_maintenance_windows(caller: reader) -> Response:
        """An iCalendar file (RFC 5545) of the windows that have not ended."""
        async with units(caller.scope) as unit:
            windows = await service.current(unit)
        # Hundreds of windows in as many time zones take seconds.
        return Response(await asyncio.to_thread(write_calendar, windows), media_type=CALENDAR)

    @router.post(
        "/calendar", summary="Import maintenance windows from a calendar", responses=problem_responses(409)
    )
    async def import_maintenance_windows(caller: writer, body: CalendarImport) -> CalendarImported:
        """The same file again replaces what it made before, event by event."""
        async with units(caller.scope) as unit:
            windows, skipped = await service.load(unit, caller, body.calendar, body.matcher, body.time_zone)
        return CalendarImported(
            windows=await asyncio.to_thread(lambda: [shown(each) for each in windows]),
            skipped=[SkippedEvent(name=each.name, reason=each.skipped or "") for each in skipped],
        )

    @router.get("/{window_id}", summary="Get a maintenance window", responses=problem_responses(404))
    async def get_maintenance_window(caller: reader, window_id: UUID) -> MaintenanceWindowOut:
        """What is maintained when, by whom and why."""
        async with units(caller.scope) as unit:
            return shown(await service.get(unit, window_id))

    @router.patch("/{window_id}", summary="Update a maintenance window", responses=problem_responses(404))
    async def update_maintenance_window(
        caller: writer, window_id: UUID, body: MaintenanceWindowUpdate
    ) -> MaintenanceWindowOut:
        """Only the fields that are sent change."""
        changes = {name: value for name, value in body if name in body.model_fields_set}
        async with units(caller.scope) as unit:
            changed = await service.change(unit, caller, window_id, changes)
        return shown(changed)

    @router.delete(
        "/{window_id}",
        status_code=204,
        summary="Delete a maintenance window",
        responses=problem_responses(404),
    )
    async def delete_maintenance_window(caller: writer, window_id: UUID) -> None:
        """One that is going on ends, and open alerts that it kept back notify."""
        async with units(caller.scope) as unit:
            await service.remove(unit, caller, window_id)

    @router.get(
        "/{window_id}/occurrences",
        summary="List the occurrences of a maintenance window",
        responses=problem_responses(404),
    )
    async def list_occurrences(
        caller: reader, window_id: UUID, since: Moment | None = None, until: Moment | None = None
    ) -> Occurrences:
        """When it takes place within at most 366 days, by default the next 28; at most 500 times."""
        async with units(caller.scope) as unit:
            found = await service.occurrences(unit, window_id, since, until)
        return Occurrences(items=[OccurrenceOut.of(each) for each in found])

    return router
