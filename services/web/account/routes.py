"""HTTP of a person's account: profile, password, sessions."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from starlette.responses import Response

from services.web.errors import ApiError
from services.web.layout.pages import Pages, moved
from services.web.sessions.visit import Visit, Visitors
from services.web.sign_in.offered import offered

MAX_SESSIONS = 100


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(prefix="/account", include_in_schema=False)
    user = Annotated[Visit, Depends(visitors.user)]

    async def show(visit: Visit, error: ApiError | None = None) -> Response:
        me, sessions, ways = await asyncio.gather(
            visit.get("/users/me"), visit.get("/users/me/sessions", limit=MAX_SESSIONS), offered(visit)
        )
        return await pages.show(
            visit,
            "account/account.html",
            status=error.status if error else 200,
            me=me,
            offered=ways,
            sessions=sessions["items"],
            done=visit.request.query_params.get("done", ""),
            error=error,
        )

    async def changed(visit: Visit, done: str, change: Coroutine[Any, Any, Any]) -> Response:
        try:
            await change
        except ApiError as error:
            return await show(visit, error)
        return moved(visit, f"/account?done={done}")

    @router.get("")
    async def account(visit: user) -> Response:
        return await show(visit)

    @router.post("/profile")
    async def change_profile(visit: user) -> Response:
        form = await visit.form()
        return await changed(
            visit, "profile", visit.patch("/users/me", {"full_name": form.get("full_name", "")})
        )

    @router.post("/password")
    async def change_password(visit: user) -> Response:
        form = await visit.form()
        body = {name: form.get(name, "") for name in ("current_password", "new_password")}
        return await changed(visit, "password", visit.post("/users/me/password", body))

    @router.post("/verification")
    async def send_verification(visit: user) -> Response:
        await visit.form()
        return await changed(visit, "verification", visit.post("/users/me/verification"))

    @router.post("/sessions/others/end")
    async def end_others(visit: user) -> Response:
        await visit.form()
        return await changed(visit, "sessions", visit.delete("/users/me/sessions"))

    @router.post("/sessions/{session_id}/end")
    async def end_session(visit: user, session_id: UUID) -> Response:
        await visit.form()
        return await changed(visit, "sessions", visit.delete(f"/users/me/sessions/{session_id}"))

    return router
