"""HTTP routes of silences."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.alerting.database.postgres import PostgresUnits
from services.alerting.silences.schemas import SilenceCreate, SilenceOut, SilenceUpdate
from services.alerting.silences.service import SilenceService
from shared.access import Caller, Permission
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_silences_router(service: SilenceService, units: PostgresUnits, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/silences", tags=["silences"], responses=problem_responses(400, 401, 403, 422)
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.ALERTS_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.ALERTS_WRITE))]

    @router.get("", summary="List silences")
    async def list_silences(
        caller: reader,
        page: PageParameters,
        ended: Annotated[bool, Query(description="Include those that have ended")] = False,
    ) -> Page[SilenceOut]:
        """Newest first."""
        async with units(caller.scope) as unit:
            found = await service.list(unit, ended, page)
        return Page[SilenceOut].of(found, lambda each: SilenceOut.of(each, service.now))

    @router.post("", status_code=201, summary="Create a silence", responses=problem_responses(409))
    async def create_silence(caller: writer, body: SilenceCreate, response: Response) -> SilenceOut:
        """Alerts that match open as usual and notify nobody until it ends; then those that are still open do.

        A resolve still reaches whoever had heard of the alert.
        """
        async with units(caller.scope) as unit:
            made = await service.create(unit, caller, dict(body))
        response.headers["Location"] = f"/api/v1/silences/{made.id}"
        return SilenceOut.of(made, service.now)

    @router.get("/{silence_id}", summary="Get a silence", responses=problem_responses(404))
    async def get_silence(caller: reader, silence_id: UUID) -> SilenceOut:
        """Who silenced what, why and until when."""
        async with units(caller.scope) as unit:
            return SilenceOut.of(await service.get(unit, silence_id), service.now)

    @router.patch("/{silence_id}", summary="Update a silence", responses=problem_responses(404))
    async def update_silence(caller: writer, silence_id: UUID, body: SilenceUpdate) -> SilenceOut:
        """Only the fields that are sent change."""
        changes = {name: value for name, value in body if name in body.model_fields_set}
        async with units(caller.scope) as unit:
            return SilenceOut.of(await service.change(unit, caller, silence_id, changes), service.now)

    @router.delete(
        "/{silence_id}", status_code=204, summary="End a silence", responses=problem_responses(404)
    )
    async def end_silence(caller: writer, silence_id: UUID) -> None:
        """Ends it now. It stays among those that have ended, with its reason and author."""
        async with units(caller.scope) as unit:
            await service.end(unit, caller, silence_id)

    return router
