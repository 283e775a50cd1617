"""Single sign-on through an OpenID Connect provider."""

from typing import Annotated

from fastapi import APIRouter, Cookie, Depends, Query, Response
from fastapi.responses import RedirectResponse

from services.auth.database.unit import Units
from services.auth.errors import unwrap
from services.auth.keys.tokens import AccessTokens
from services.auth.oidc.domain import FLOW_LIFETIME
from services.auth.oidc.schemas import ProviderResponse
from services.auth.oidc.service import OidcService
from services.auth.sessions.client import RequestClient
from services.auth.sign_in.schemas import TokenPairOut
from shared.access import Scope
from shared.http.caching import NO_STORE
from shared.http.problems import problem_responses
from shared.http.query import accept_any_query

# Binds the flow to the browser that started it. The browser returns from another site, hence Lax.
COOKIE = "dinsight_oidc"
COOKIE_PATH = "/api/v1/auth/oidc"
FlowSecret = Annotated[str | None, Cookie(alias=COOKIE, max_length=200, include_in_schema=False)]


def build_router(oidc: OidcService, tokens: AccessTokens, units: Units) -> APIRouter:
    router = APIRouter(prefix="/auth/oidc", tags=["sign-in"], responses=problem_responses(404, 503))

    @router.get(
        "/login",
        status_code=302,
        response_class=RedirectResponse,
        summary="Sign in through the provider",
        description="Redirects a browser to the provider. 404 if single sign-on is not configured.",
    )
    async def begin_oidc() -> RedirectResponse:
        flow = oidc.new_flow()
        url = await oidc.authorization_url(flow)
        async with units(Scope()) as unit:
            await oidc.begin(unit, flow)
        response = RedirectResponse(url, 302, headers={"Cache-Control": "no-store"})
        _bind(response, flow.secret, secure=oidc.uses_https)
        return response

    @router.get(
        "/callback",
        summary="Return from the provider",
        description=(
            "The provider redirects the browser here, or to a page that calls this with the same query. Can"
            " be used once, within ten minutes, in the browser that started the flow."
        ),
        responses=problem_responses(400, 401, 403, 409, 422),
        # Providers add parameters of their own.
        dependencies=[NO_STORE, Depends(accept_any_query)],
    )
    async def finish_oidc(
        parameters: Annotated[ProviderResponse, Query()],
        client: RequestClient,
        response: Response,
        secret: FlowSecret = None,
    ) -> TokenPairOut:
        async with units(Scope()) as unit:
            await oidc.consume(unit, parameters.state, secret)
        identity = await oidc.identify(parameters.code, parameters.error, parameters.iss, secret)
        async with units(Scope()) as unit:
            outcome = await oidc.sign_in(unit, identity, client)
        response.delete_cookie(COOKIE, path=COOKIE_PATH)
        return TokenPairOut.of(await tokens.issue(unwrap(outcome)))

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
