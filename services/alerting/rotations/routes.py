"""HTTP routes of rotations."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.alerting.database.postgres import PostgresUnits
from services.alerting.rotations.schemas import (
    OverrideCreate,
    OverrideOut,
    RotationCreate,
    RotationOut,
    RotationUpdate,
    ShiftOut,
    Shifts,
)
from services.alerting.rotations.service import RotationService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.fields import Moment
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_rotations_router(service: RotationService, units: PostgresUnits, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/rotations", tags=["rotations"], responses=problem_responses(400, 401, 403, 422)
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ALERT_RULES_WRITE))]
    operator = Annotated[Caller, Depends(guard.may(Permission.ALERTS_WRITE))]

    @router.get("", summary="List rotations")
    async def list_rotations(caller: reader, page: PageParameters) -> Page[RotationOut]:
        """Newest first, with whoever is on call."""
        async with units(caller.scope) as unit:
            found = await service.list(unit, page)
        return Page[RotationOut].of(found, lambda each: RotationOut.of(each, service.now))

    @router.post("", status_code=201, summary="Create a rotation", responses=problem_responses(409))
    async def create_rotation(caller: writer, body: RotationCreate, response: Response) -> RotationOut:
        """Rules use it as `rotation:NAME`: whoever is on call gets mail."""
        async with units(caller.scope) as unit:
            made = await service.create(unit, caller, dict(body))
        response.headers["Location"] = f"/api/v1/rotations/{made.id}"
        return RotationOut.of(made, service.now)

    @router.get("/{rotation_id}", summary="Get a rotation", responses=problem_responses(404))
    async def get_rotation(caller: reader, rotation_id: UUID) -> RotationOut:
        """Its members, overrides, and whoever is on call."""
        async with units(caller.scope) as unit:
            return RotationOut.of(await service.get(unit, rotation_id), service.now)

    @router.patch("/{rotation_id}", summary="Update a rotation", responses=problem_responses(404, 409))
    async def update_rotation(caller: writer, rotation_id: UUID, body: RotationUpdate) -> RotationOut:
        """Only the fields that are sent change. The name cannot change while a rule uses it."""
        changes = {name: value for name, value in body if name in body.model_fields_set}
        async with units(caller.scope) as unit:
            return RotationOut.of(await service.change(unit, caller, rotation_id, changes), service.now)

    @router.delete(
        "/{rotation_id}", status_code=204, summary="Delete a rotation", responses=problem_responses(404, 409)
    )
    async def delete_rotation(caller: writer, rotation_id: UUID) -> None:
        """One that a rule uses cannot be deleted."""
        async with units(caller.scope) as unit:
            await service.remove(unit, caller, rotation_id)

    @router.get("/{rotation_id}/shifts", summary="List shifts", responses=problem_responses(404))
    async def list_shifts(
        caller: reader,
        rotation_id: UUID,
        since: Moment | None = None,
        until: Moment | None = None,
        user_id: UUID | None = None,
    ) -> Shifts:
        """Who is on call from when to when; or when one person is.

        At most 500 shifts of at most 366 days; by default, of the next 28.
        """
        async with units(caller.scope) as unit:
            found = await service.shifts(unit, rotation_id, since, until, user_id)
        return Shifts(items=[ShiftOut.of(each) for each in found])

    @router.post(
        "/{rotation_id}/overrides",
        status_code=201,
        summary="Take over or give away a shift",
        responses=problem_responses(404, 409),
    )
    async def create_override(caller: operator, rotation_id: UUID, body: OverrideCreate) -> OverrideOut:
        """You may take over for a time, or give away what is yours; administrators arrange anything."""
        async with units(caller.scope) as unit:
            return OverrideOut.of(await service.take_over(unit, caller, rotation_id, dict(body)))

    @router.delete(
        "/{rotation_id}/overrides/{override_id}",
        status_code=204,
        summary="Withdraw an override",
        responses=problem_responses(404),
    )
    async def delete_override(caller: operator, rotation_id: UUID, override_id: UUID) -> None:
        """The rotation counts again for that time."""
        async with units(caller.scope) as unit:
            await service.withdraw(unit, caller, rotation_id, override_id)

    return router
