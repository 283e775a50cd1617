"""HTTP of creating an account, and of what the links in mail lead to."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends
from starlette.datastructures import FormData
from starlette.responses import Response

from services.web.errors import ApiError, SessionsRefused
from services.web.layout.pages import Pages, moved
from services.web.sessions.visit import Visit, Visitors

MAX_FIELDS = 20


def build_router(pages: Pages, visitors: Visitors) -> APIRouter:
    router = APIRouter(include_in_schema=False)
    anyone = Annotated[Visit, Depends(visitors.anyone)]

    async def show(visit: Visit, name: str, status: int = 200, **context: Any) -> Response:
        context = {"error": None, "fields": {}, "done": False} | context
        return await pages.show(visit, f"accounts/{name}.html", status=status, **context)

    async def fields_of(visit: Visit) -> FormData:
        visit.check_origin()
        return await visit.request.form(max_files=0, max_fields=MAX_FIELDS)

    async def refused(visit: Visit, name: str, error: ApiError, form: FormData) -> Response:
        """The form again, with what was wrong and without the secrets that were typed."""
        kept = {key: value for key, value in form.items() if key != "password"}
        return await show(visit, name, error.status, error=error, fields=kept)

    @router.get("/register")
    async def register_page(visit: anyone) -> Response:
        return await show(visit, "register")

    @router.post("/register")
    async def register(visit: anyone) -> Response:
        return await _register(visit, "register", "organization_name")

    @router.get("/invitation")
    async def invitation_page(visit: anyone) -> Response:
        return await show(visit, "invitation")

    @router.post("/invitation")
    async def accept_invitation(visit: anyone) -> Response:
        """Somebody who is signed in joins; somebody who is not creates an account that does."""
        if visit.session is None:
            return await _register(visit, "invitation", "invitation_token")
        form = await visit.form()
        try:
            joined = await visit.post("/users/me/invitations", {"token": form.get("invitation_token", "")})
        except ApiError as error:
            return await refused(visit, "invitation", error, form)
        await visit.renew()
        return moved(visit, f"/o/{joined['id']}/overview")

    @router.get("/verify-email")
    async def verify_page(visit: anyone) -> Response:
        return await show(visit, "verify")

    @router.post("/verify-email")
    async def verify(visit: anyone) -> Response:
        return await _once(visit, "verify", "/auth/verify-email", ("token",))

    @router.get("/forgotten")
    async def forgotten_page(visit: anyone) -> Response:
        return await show(visit, "forgotten")

    @router.post("/forgotten")
    async def forgotten(visit: anyone) -> Response:
        return await _once(visit, "forgotten", "/auth/forgot-password", ("email",))

    @router.get("/reset-password")
    async def reset_page(visit: anyone) -> Response:
        return await show(visit, "reset")

    @router.post("/reset-password")
    async def reset(visit: anyone) -> Response:
        return await _once(visit, "reset", "/auth/reset-password", ("token", "password"))

    async def _once(visit: Visit, name: str, path: str, names: tuple[str, ...]) -> Response:
        form = await fields_of(visit)
        try:
            await visit.anonymously("POST", path, {each: form.get(each, "") for each in names})
        except ApiError as error:
            return await refused(visit, name, error, form)
        return await show(visit, name, done=True, fields=dict(form))

    async def _register(visit: Visit, name: str, optional: str) -> Response:
        """Create the account and sign in. An address that must be verified first gets a link instead."""
        form = await fields_of(visit)
        if visit.holder.place.cookie is None:
            raise SessionsRefused(visit.holder.place.host)
        person = {each: form.get(each, "") for each in ("email", "password", "full_name")}
        if form.get(optional):
            person[optional] = form[optional]
        try:
            await visit.anonymously("POST", "/auth/register", person)
        except ApiError as error:
            return await refused(visit, name, error, form)
        try:
            await visit.sign_in(str(person["email"]), str(person["password"]))
        except ApiError:
            return await show(visit, name, done=True, fields={"email": person["email"]})
        return moved(visit, "/")

    return router
