"""HTTP of signing in and out."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.web.errors import ApiError, SessionsRefused
from services.web.layout import texts
from services.web.layout.pages import Pages, moved
from services.web.second_factor.routes import ask
from services.web.second_factor.step import Step
from services.web.sessions.cookies import cookie
from services.web.sessions.domain import Place
from services.web.sessions.visit import Visit, Visitors
from services.web.sign_in.domain import safe_target
from services.web.sign_in.offered import offered
from services.web.sign_in.provider import FLOW_SECONDS, ProviderSignIn

LANGUAGE_SECONDS = 365 * 24 * 3600


def build_router(
    pages: Pages, visitors: Visitors, provider: ProviderSignIn, provider_name: str = ""
) -> APIRouter:
    """`provider_name` is what people call the provider of single sign-on; without one it is not offered."""
    router = APIRouter(include_in_schema=False)
    anyone = Annotated[Visit, Depends(visitors.anyone)]
    user = Annotated[Visit, Depends(visitors.user)]

    @router.get("/")
    async def start(visit: user) -> Response:
        """To the overview of the only organization, or to the choice between several."""
        organizations = (await visit.get("/organizations", limit=100))["items"]
        if len(organizations) == 1:
            return moved(visit, f"/o/{organizations[0]['id']}/overview")
        return await pages.show(visit, "sign_in/organizations.html", organizations=organizations)

    @router.get("/sign-in")
    async def sign_in_page(visit: anyone, next: str = "/") -> Response:
        if visit.session is not None:
            return moved(visit, safe_target(next))
        return await _sign_in_form(visit, next=next)

    @router.post("/sign-in")
    async def sign_in(visit: anyone) -> Response:
        visit.check_origin()
        _require_cookies(visit)
        form = await visit.request.form(max_files=0, max_fields=10)
        email, target = str(form.get("email", "")), str(form.get("next", "/"))
        try:
            await visit.sign_in(email, str(form.get("password", "")))
        except ApiError as error:
            return await _continued(visit, error, email=email, next=target)
        return moved(visit, safe_target(target))

    @router.get("/sign-in/link")
    async def link_page(visit: anyone, next: str = "/") -> Response:
        return await pages.show(visit, "sign_in/link.html", error=None, next=next)

    @router.post("/sign-in/link")
    async def follow_link(visit: anyone) -> Response:
        """A link that a program made with the refresh token of its own sign-in. It works once."""
        visit.check_origin()
        _require_cookies(visit)
        form = await visit.request.form(max_files=0, max_fields=10)
        target = str(form.get("next", "/"))
        try:
            await visit.resume(str(form.get("token", "")))
        except ApiError as error:
            return await pages.show(visit, "sign_in/link.html", status=error.status, error=error, next=target)
        return moved(visit, safe_target(target))

    @router.get("/sign-in/provider")
    async def begin_at_provider(visit: anyone) -> Response:
        name = _require_cookies(visit).flow_cookie or ""
        try:
            target, secret = await provider.begin(visit)
        except ApiError as error:
            return await _sign_in_form(visit, status=error.status, error=error)
        answer = moved(visit, target)
        answer.headers.append("Set-Cookie", cookie(name, secret, visit.holder.place, FLOW_SECONDS))
        return answer

    @router.get("/sign-in/return")
    async def return_from_provider(visit: anyone, request: Request) -> Response:
        place = _require_cookies(visit)
        name = place.flow_cookie or ""
        try:
            secret = request.cookies.get(name, "")
            visit.holder.session = await provider.finish(visit, request.url.query, secret)
        except ApiError as error:
            return await _continued(visit, error)
        answer = moved(visit, "/")
        answer.headers.append("Set-Cookie", cookie(name, "", place, 0))
        return answer

    @router.post("/sign-out")
    async def sign_out(visit: anyone) -> Response:
        await visit.form()
        await visit.sign_out()
        answer = moved(visit, "/sign-in")
        # Nothing of the session stays; storage holds one preference of the keyboard, which may.
        answer.headers["Clear-Site-Data"] = '"cache"'
        return answer

    @router.post("/language")
    async def choose_language(visit: anyone, request: Request) -> Response:
        visit.check_origin()
        wanted = str((await request.form(max_files=0, max_fields=10)).get("language", ""))
        back = request.headers.get("Referer", "").removeprefix(visit.holder.place.origin)
        answer = moved(visit, safe_target(back))
        if wanted in texts.LANGUAGES:
            place = visit.holder.place
            kept = cookie(place.language_cookie, wanted, place, LANGUAGE_SECONDS)
            answer.headers.append("Set-Cookie", kept)
        return answer

    async def _continued(visit: Visit, error: ApiError, **context: Any) -> Response:
        """The second step if the API asks for it; else the form with what was wrong."""
        step = Step.of(error, context.get("next", "/"))
        if step is not None:
            return await ask(pages, visit, step)
        return await _sign_in_form(visit, status=error.status, error=error, **context)

    async def _sign_in_form(visit: Visit, *, status: int = 200, **context: Any) -> Response:
        context = {"error": None, "email": "", "next": "/", "provider_name": provider_name} | context
        context["offered"] = await offered(visit)
        return await pages.show(visit, "sign_in/sign_in.html", status=status, **context)

    return router


def _require_cookies(visit: Visit) -> Place:
    """Where the browser is. Raises SessionsRefused where a session could be read on the way."""
    place = visit.holder.place
    if place.cookie is None:
        raise SessionsRefused(place.host)
    return place
