"""HTTP of the machines service."""

from collections.abc import Callable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.machines.domain import Machine, MachineFilter, MachineStatus
from services.machines.repository import PostgresUnits
from services.machines.schemas import MAX_TAG_LENGTH, MachineCreate, MachineOut, MachineUpdate
from services.machines.service import MachineService
from shared.access import Caller, Permission
from shared.erasure import requests as deletions
from shared.erasure.requests import DeletionAccepted
from shared.http.caller import Guard
from shared.http.fields import STORABLE
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses

TagFilter = Annotated[
    str | None, Query(max_length=MAX_TAG_LENGTH, pattern=STORABLE, description="A tag, exactly as written")
]


def build_router(service: MachineService, units: PostgresUnits, guard: Guard) -> APIRouter:
    router = APIRouter(
        prefix="/api/v1/machines", tags=["machines"], responses=problem_responses(400, 401, 403, 422)
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.MACHINES_READ))]
    writer = Annotated[Caller, Depends(guard.may(Permission.MACHINES_WRITE))]
    remover = Annotated[Caller, Depends(guard.may(Permission.MACHINES_DELETE))]

    def shown(caller: Caller) -> Callable[[Machine], MachineOut]:
        return lambda machine: MachineOut.of(machine, service.shown_metadata(caller, machine))

    @router.get("", summary="List machines")
    async def list_machines(
        caller: reader,
        page: PageParameters,
        status: MachineStatus | None = None,
        location: Annotated[
            str | None, Query(max_length=500, pattern=STORABLE, description="Prefix of the location")
        ] = None,
        q: Annotated[
            str | None,
            Query(max_length=255, pattern=STORABLE, description="Text in name, model, serial or location"),
        ] = None,
        tag: TagFilter = None,
        legal_hold: bool | None = None,
    ) -> Page[MachineOut]:
        """Newest first."""
        async with units(caller.scope) as unit:
            found = await service.list(unit, MachineFilter(status, location, q, tag, legal_hold), page)
        return Page[MachineOut].of(found, shown(caller))

    @router.post("", status_code=201, summary="Register a machine", responses=problem_responses(409))
    async def create_machine(caller: writer, body: MachineCreate, response: Response) -> MachineOut:
        """It can be used in analyses and alert rules at once. `legal_hold` needs the role admin.

        409 if the organization has as many machines as it may (`too-many-machines`).
        """
        async with units(caller.scope) as unit:
            machine = await service.register(unit, caller, body.model_dump())
        response.headers["Location"] = f"/api/v1/machines/{machine.id}"
        return shown(caller)(machine)

    @router.get("/{machine_id}", summary="Show a machine", responses=problem_responses(404))
    async def get_machine(caller: reader, machine_id: UUID) -> MachineOut:
        """The fields that were registered, and when it was last analyzed."""
        async with units(caller.scope) as unit:
            return shown(caller)(await service.get(unit, machine_id))

    @router.patch("/{machine_id}", summary="Change a machine", responses=problem_responses(404))
    async def update_machine(caller: writer, machine_id: UUID, body: MachineUpdate) -> MachineOut:
        """Only the fields that are sent change. Changing `legal_hold` needs the role admin."""
        changes = body.model_dump(exclude_unset=True)
        async with units(caller.scope) as unit:
            return shown(caller)(await service.change(unit, caller, machine_id, changes))

    @router.delete(
        "/{machine_id}",
        status_code=202,
        summary="Delete a machine",
        responses=problem_responses(404, 409),
    )
    async def delete_machine(caller: remover, machine_id: UUID, response: Response) -> DeletionAccepted:
        """The machine is gone at once; its analyses, anomalies and alert rules, and the files of these, are
        deleted in the background. Its alerts stay, resolved, until their retention. `Location` names the
        certificate of what was deleted. 409 if the machine is on legal hold."""
        async with units(caller.scope) as unit:
            deletion = await service.remove(unit, caller, machine_id)
        response.headers["Location"] = deletions.location(deletion)
        return DeletionAccepted.of(deletion)

    return router
