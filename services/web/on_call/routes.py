"""HTTP of rotations and their shifts."""

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.responses import Response

from services.web.alerts.service import user_id
from services.web.api.client import Json
from services.web.errors import ApiError
from services.web.layout.pages import Pages, moved
from services.web.on_call.domain import AHEAD, MAX_SHOWN, Turns, override, places, rotation, turns
from services.web.people.service import names_of_members
from services.web.sessions.visit import Visit, Visitors
from shared.clock import Clock

PAGE = 20
SHIFTS = ("PT8H", "PT12H", "P1D", "P7D", "P14D")


def build_router(pages: Pages, visitors: Visitors, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}/alerts/on-call", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("")
    async def rotations(visit: member) -> Response:
        return await _rotations(visit)

    @router.post("")
    async def add_rotation(visit: member) -> Response:
        form = await visit.form()
        try:
            made = await visit.post("/rotations", rotation(_pairs(form)))
        except ApiError as error:
            return await _rotations(visit, form, error)
        return moved(visit, f"{_home(visit)}/{made['id']}")

    @router.get("/{rotation_id}")
    async def rotation_page(visit: member, rotation_id: UUID) -> Response:
        return await _rotation(visit, rotation_id)

    @router.get("/{rotation_id}/change")
    async def change_form(visit: member, rotation_id: UUID) -> Response:
        return await _change(visit, rotation_id)

    @router.post("/{rotation_id}/change")
    async def change_rotation(visit: member, rotation_id: UUID) -> Response:
        form = await visit.form()
        try:
            await visit.patch(f"/rotations/{rotation_id}", rotation(_pairs(form)))
        except ApiError as error:
            return await _change(visit, rotation_id, error, form)
        return moved(visit, f"{_home(visit)}/{rotation_id}")

    @router.post("/{rotation_id}/delete")
    async def delete_rotation(visit: member, rotation_id: UUID) -> Response:
        await visit.form()
        try:
            await visit.delete(f"/rotations/{rotation_id}")
        except ApiError as error:
            return await _change(visit, rotation_id, error)
        return moved(visit, _home(visit))

    @router.post("/{rotation_id}/overrides")
    async def take_over(visit: member, rotation_id: UUID) -> Response:
        form = await visit.form()
        try:
            await visit.post(f"/rotations/{rotation_id}/overrides", override(dict(_pairs(form))))
        except ApiError as error:
            return await _rotation(visit, rotation_id, error)
        return moved(visit, f"{_home(visit)}/{rotation_id}")

    @router.post("/{rotation_id}/overrides/{override_id}/withdraw")
    async def withdraw(visit: member, rotation_id: UUID, override_id: UUID) -> Response:
        await visit.form()
        try:
            await visit.delete(f"/rotations/{rotation_id}/overrides/{override_id}")
        except ApiError as error:
            return await _rotation(visit, rotation_id, error)
        return moved(visit, f"{_home(visit)}/{rotation_id}")

    async def _turns(visit: Visit, rotation_id: str, now: datetime) -> Turns:
        period = {"since": now.isoformat(), "until": (now + AHEAD).isoformat()}
        return turns((await visit.get(f"/rotations/{rotation_id}/shifts", **period))["items"], now)

    async def _rotations(
        visit: Visit, form: FormData | None = None, error: ApiError | None = None
    ) -> Response:
        now = clock.now()
        cursor = visit.request.query_params.get("cursor")
        found, names = await asyncio.gather(
            visit.get("/rotations", limit=PAGE, cursor=cursor), names_of_members(visit)
        )
        each_turns = await asyncio.gather(*(_turns(visit, each["id"], now) for each in found["items"]))
        changes = [each.changes_at for each in each_turns if each.changes_at]
        return await _shown(
            visit,
            "on_call/rotations.html",
            error,
            names,
            rotations=list(zip(found["items"], each_turns, strict=True)),
            next_cursor=found["next_cursor"],
            fields=rotation(_pairs(form)) if form else {},
            changes_at=min(changes, default=None),
        )

    async def _rotation(visit: Visit, rotation_id: UUID, error: ApiError | None = None) -> Response:
        found, who, names = await asyncio.gather(
            visit.get(f"/rotations/{rotation_id}"),
            _turns(visit, str(rotation_id), clock.now()),
            names_of_members(visit),
        )
        return await _shown(
            visit,
            "on_call/rotation.html",
            error,
            names,
            rotation=found,
            shifts=who.all[:MAX_SHOWN],
            changes_at=who.changes_at,
            now=who.now,
            overrides=_own(visit, found),
        )

    async def _change(
        visit: Visit, rotation_id: UUID, error: ApiError | None = None, form: FormData | None = None
    ) -> Response:
        found, names = await asyncio.gather(visit.get(f"/rotations/{rotation_id}"), names_of_members(visit))
        fields = rotation(_pairs(form)) if form else {}
        return await _shown(visit, "on_call/change.html", error, names, rotation=found, fields=fields)

    async def _shown(
        visit: Visit, template: str, error: ApiError | None, names: Mapping[str, str], **context: Any
    ) -> Response:
        return await pages.show(
            visit,
            template,
            status=error.status if error else 200,
            tab="on-call",
            error=error,
            names=names,
            me=user_id(visit),
            places=places,
            shift_lengths=SHIFTS,
            **context,
        )

    return router


def _home(visit: Visit) -> str:
    return f"/o/{visit.organization_id}/alerts/on-call"


def _pairs(form: FormData) -> list[tuple[str, str]]:
    return [(name, str(value)) for name, value in form.multi_items()]


def _own(visit: Visit, found: Json) -> frozenset[str]:
    """The overrides that the visitor takes part in, and may withdraw."""
    me = user_id(visit)
    return frozenset(each["id"] for each in found["overrides"] if me in (each["user_id"], each["created_by"]))
