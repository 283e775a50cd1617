"""HTTP of silences."""

import asyncio
from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.errors import ApiError
from services.web.layout.ends import end_of
from services.web.layout.pages import Pages, moved
from services.web.machines.choices import named
from services.web.people.service import names_of_members
from services.web.sessions.visit import Visit, Visitors
from services.web.silences.domain import changes_at, prefilled, silence
from shared.clock import Clock
from shared.errors import DInsightError

PAGE = 50


def build_router(pages: Pages, visitors: Visitors, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}/alerts/silences", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    @router.get("")
    async def silences(visit: member) -> Response:
        return await _silences(visit, prefilled(visit.request.query_params))

    @router.post("")
    async def add_silence(visit: member) -> Response:
        fields = {name: str(value) for name, value in (await visit.form()).items()}
        try:
            await visit.post("/silences", silence(fields, clock.now()))
        except DInsightError as error:
            return await _silences(visit, fields, error)
        return moved(visit, f"/o/{visit.organization_id}/alerts/silences")

    @router.post("/{silence_id}/end")
    async def end_silence(visit: member, silence_id: UUID) -> Response:
        """Now: it stays among those that have ended."""
        await visit.form()
        try:
            await visit.delete(f"/silences/{silence_id}")
        except DInsightError as error:
            return await _silences(visit, {}, error)
        return moved(visit, f"/o/{visit.organization_id}/alerts/silences")

    @router.get("/{silence_id}/extend")
    async def extension(visit: member, silence_id: UUID) -> Response:
        return await _extension(visit, silence_id, {})

    @router.post("/{silence_id}/extend")
    async def extend_silence(visit: member, silence_id: UUID) -> Response:
        """Move the end of a silence, also to an earlier time."""
        fields = {name: str(value) for name, value in (await visit.form()).items()}
        try:
            await visit.patch(f"/silences/{silence_id}", {"ends_at": end_of(fields, clock.now())})
        except ApiError as error:
            return await _extension(visit, silence_id, fields, error)
        return moved(visit, f"/o/{visit.organization_id}/alerts/silences")

    async def _extension(
        visit: Visit, silence_id: UUID, fields: Mapping[str, str], error: ApiError | None = None
    ) -> Response:
        return await pages.show(
            visit,
            "silences/extend.html",
            status=error.status if error else 200,
            tab="silences",
            error=error,
            silence=await visit.get(f"/silences/{silence_id}"),
            now=clock.now(),
            fields=fields,
        )

    async def _silences(
        visit: Visit, fields: Mapping[str, str], error: DInsightError | None = None
    ) -> Response:
        query = visit.request.query_params
        with_ended = query.get("show") == "all"
        found = await visit.get("/silences", limit=PAGE, cursor=query.get("cursor"), ended=with_ended)
        matchers = [each["matcher"] for each in found["items"]]
        machine_ids = [each for matcher in matchers for each in matcher["machine_ids"]]
        rule_ids = [each for matcher in matchers for each in matcher["rule_ids"]]
        machines, rules, people = await asyncio.gather(
            named(visit, "/machines", [fields.get("machine_id", ""), *machine_ids]),
            named(visit, "/alert-rules", [fields.get("rule_id", ""), *rule_ids]),
            names_of_members(visit),
        )
        return await pages.show(
            visit,
            "silences/silences.html",
            status=error.status if error else 200,
            tab="silences",
            error=error,
            silences=found,
            with_ended=with_ended,
            machines=machines,
            rules=rules,
            people=people,
            now=clock.now(),
            changes_at=changes_at(found["items"], clock.now()),
            fields=fields,
        )

    return router
