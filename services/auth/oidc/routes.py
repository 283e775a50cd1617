"""Sign-in through an OpenID Connect provider."""

from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Query, Response
from fastapi.responses import RedirectResponse

from services.auth.database.unit import Units
from services.auth.errors import granted
from services.auth.keys.tokens import AccessTokens
from services.auth.oidc.domain import FLOW_LIFETIME
from services.auth.oidc.schemas import ProviderAnswer
from services.auth.oidc.service import OidcService
from services.auth.sign_in.client import RequestClient
from services.auth.sign_in.schemas import TokenPairOut
from shared.access import Scope
from shared.http.problems import problem_responses
from shared.http.query import accept_any_query

# Binds the flow to the browser that began it. The browser comes back from another site, hence Lax.
COOKIE = "dinsight_oidc"
COOKIE_PATH = "/api/v1/auth/oidc"
FlowSecret = Annotated[str | None, Cookie(alias=COOKIE, max_length=200, include_in_schema=False)]


def build_router(oidc: OidcService, tokens: AccessTokens, units: Units) -> APIRouter:
    router = APIRouter(prefix="/auth/oidc", tags=["sign-in"], responses=problem_responses(404, 503))

    @router.get(
        "/login",
        status_code=302,
        response_class=RedirectResponse,
        summary="Sign in through the installation's provider",
        description="Send a browser here. 404 when the installation has no provider.",
    )
    async def begin_oidc() -> RedirectResponse:
        flow = oidc.new_flow()
        place = await oidc.place(flow)
        async with units(Scope()) as unit:
            await oidc.begin(unit, flow)
        response = RedirectResponse(place, 302, headers={"Cache-Control": "no-store"})
        _bind(response, flow.secret, secure=oidc.over_https)
        return response

    @router.get(
        "/callback",
        summary="Come back from the provider",
        description=(
            "The provider sends the browser here, or to a page that calls this with the same query. Works"
            " once, in the browser that began, within ten minutes."
        ),
        responses=problem_responses(400, 401, 403, 409, 422),
        # Providers add parameters of their own.
        dependencies=[Depends(accept_any_query)],
    )
    async def finish_oidc(
        answer: Annotated[ProviderAnswer, Query()],
        client: RequestClient,
        response: Response,
        secret: FlowSecret = None,
    ) -> TokenPairOut:
        async with units(Scope()) as unit:
            await oidc.take(unit, answer.state, secret)
        named = await oidc.identify(answer.code, answer.error, answer.iss, secret)
        async with units(Scope()) as unit:
            outcome = await oidc.sign_in(unit, named, client)
        response.headers["Cache-Control"] = "no-store"
        response.delete_cookie(COOKIE, path=COOKIE_PATH)
        return TokenPairOut.of(await tokens.issue(granted(outcome)))

    return router


def _bind(response: Response, secret: str, *, secure: bool) -> None:
    response.set_cookie(
        COOKIE,
        secret,
        max_age=int(FLOW_LIFETIME.total_seconds()),
        path=COOKIE_PATH,
        secure=secure,
        httponly=True,
        samesite="lax",
    )
