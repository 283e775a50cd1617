"""HTTP of an organization's settings: people, keys, the audit trail, and the organization itself."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.responses import Response

from services.web.errors import ApiError
from services.web.layout.pages import Pages, moved
from services.web.live.passing import passed_on
from services.web.people.service import names_of_members
from services.web.sessions.visit import Visit, Visitors, target
from shared.clock import Clock

PAGE = 50
AUDIT_FILTERS = ("action", "user_id", "resource_type", "since", "until")
AS_CSV = {"Accept": "text/csv"}


def build_router(pages: Pages, visitors: Visitors, clock: Clock) -> APIRouter:
    router = APIRouter(prefix="/o/{organization_id}/settings", include_in_schema=False)
    member = Annotated[Visit, Depends(visitors.member)]

    def base(visit: Visit) -> str:
        return f"/organizations/{visit.organization_id}"

    async def show(visit: Visit, tab: str, error: ApiError | None = None, **context: Any) -> Response:
        found = await _content(visit, tab)
        context = {"new_key": None} | context
        status = error.status if error else 200
        return await pages.show(
            visit, f"organization/{tab}.html", status=status, tab=tab, error=error, **found, **context
        )

    async def _content(visit: Visit, tab: str) -> Mapping[str, Any]:
        cursor = visit.request.query_params.get("cursor")
        if tab == "members":
            members, invitations = await asyncio.gather(
                visit.get(f"{base(visit)}/members", limit=PAGE, cursor=cursor),
                visit.get(f"{base(visit)}/invitations", limit=PAGE),
            )
            return {"members": members, "invitations": invitations["items"]}
        if tab == "keys":
            keys, names = await asyncio.gather(
                visit.get(f"{base(visit)}/api-keys", limit=PAGE, cursor=cursor), names_of_members(visit)
            )
            return {"keys": keys, "names": names}
        if tab == "audit":
            filters = _audit_filters(visit)
            entries, names = await asyncio.gather(
                visit.get("/audit-logs", limit=PAGE, cursor=cursor, **_times(filters)),
                names_of_members(visit),
            )
            return {"entries": entries, "names": names, "filters": filters}
        return {"organization": await visit.get(base(visit))}

    async def changed(visit: Visit, tab: str, change: Any) -> Response:
        """The page again: with what was wrong, or as it is now."""
        try:
            await change
        except ApiError as error:
            return await show(visit, tab, error)
        return moved(visit, f"/o/{visit.organization_id}/settings/{tab}")

    @router.get("")
    async def first_tab(visit: member) -> Response:
        return moved(visit, f"/o/{visit.organization_id}/settings/members")

    @router.get("/members.csv")
    async def export_members(visit: member) -> Response:
        return await passed_on(
            visit, target(f"{base(visit)}/members"), headers=AS_CSV, filename="members.csv"
        )

    @router.get("/audit.csv")
    async def export_audit(visit: member) -> Response:
        asked = target("/audit-logs", _times(_audit_filters(visit)))
        return await passed_on(visit, asked, headers=AS_CSV, filename="audit.csv")

    # Each by its name: a path that forms are sent to has no other methods than its own.
    @router.get("/organization")
    @router.get("/members")
    @router.get("/keys")
    @router.get("/audit")
    async def tab_page(visit: member) -> Response:
        return await show(visit, visit.request.url.path.rpartition("/")[2])

    @router.post("/organization")
    async def change_organization(visit: member) -> Response:
        form = await visit.form()
        names = ("name", "slug", "description", "industry")
        body = {name: form.get(name) or None for name in names if name in form}
        return await changed(visit, "organization", visit.patch(base(visit), body))

    @router.post("/sign-in")
    async def change_rules(visit: member) -> Response:
        form = await visit.form()
        body = {name: name in form for name in ("second_factor_required", "single_sign_on_only")}
        return await changed(visit, "organization", visit.patch(base(visit), body))

    @router.post("/invitations")
    async def invite(visit: member) -> Response:
        form = await visit.form()
        body = {"email": form.get("email", ""), "role": form.get("role", "viewer")}
        return await changed(visit, "members", visit.post(f"{base(visit)}/invitations", body))

    @router.post("/invitations/{invitation_id}/withdraw")
    async def withdraw(visit: member, invitation_id: UUID) -> Response:
        await visit.form()
        return await changed(visit, "members", visit.delete(f"{base(visit)}/invitations/{invitation_id}"))

    @router.post("/members/{user_id}")
    async def change_member(visit: member, user_id: UUID) -> Response:
        form = await visit.form()
        path = f"{base(visit)}/members/{user_id}"
        if form.get("action") == "remove":
            return await changed(visit, "members", visit.delete(path))
        if form.get("action") in ("suspend", "restore"):
            has_access = {"is_active": form["action"] == "restore"}
            return await changed(visit, "members", visit.patch(path, has_access))
        return await changed(visit, "members", visit.patch(path, {"role": form.get("role")}))

    @router.post("/keys")
    async def create_key(visit: member) -> Response:
        """The key is in this one page only: nobody can read it again."""
        form = await visit.form()
        try:
            key = await visit.post(f"{base(visit)}/api-keys", _new_key(form, clock.now()))
        except ApiError as error:
            return await show(visit, "keys", error)
        return await show(visit, "keys", new_key=key)

    @router.post("/keys/{key_id}/delete")
    async def delete_key(visit: member, key_id: UUID) -> Response:
        await visit.form()
        return await changed(visit, "keys", visit.delete(f"{base(visit)}/api-keys/{key_id}"))

    return router


def _audit_filters(visit: Visit) -> Mapping[str, str]:
    query = visit.request.query_params
    return {name: query[name] for name in AUDIT_FILTERS if query.get(name)}


def _new_key(form: FormData, now: datetime) -> Mapping[str, Any]:
    body: dict[str, Any] = {"name": form.get("name", ""), "role": form.get("role", "viewer")}
    days = str(form.get("days", ""))
    if days.isdecimal() and 0 < int(days) <= 3_650:
        body["expires_at"] = (now + timedelta(days=int(days))).isoformat()
    return body


def _times(filters: Mapping[str, str]) -> Mapping[str, str]:
    """Dates as the times that the API takes: a day begins at midnight UTC, and `until` includes its day."""
    asked = dict(filters)
    for name, days in (("since", 0), ("until", 1)):
        if name in asked:
            try:
                day = datetime.strptime(asked[name], "%Y-%m-%d").replace(tzinfo=UTC)
            except ValueError:
                # The API says what is wrong with it.
                continue
            asked[name] = (day + timedelta(days=days)).isoformat()
    return asked
