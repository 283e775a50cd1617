"""Single sign-on through an OpenID Connect provider."""

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request, Response
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

# Binds the flow to the browser that started it, which returns from another site, hence Lax. Browsers take the
# prefix from this host and over https only, so that no other page can set the cookie.
COOKIE = "dinsight_oidc"
SECURE_COOKIE = f"__Host-{COOKIE}"


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
        request: Request,
    ) -> TokenPairOut:
        secret = request.cookies.get(_cookie(secure=oidc.uses_https))
        async with units(Scope()) as unit:
            await oidc.consume(unit, parameters.state, secret)
        identity = await oidc.identify(parameters.code, parameters.error, parameters.iss, secret)
        async with units(Scope()) as unit:
            outcome = await oidc.sign_in(unit, identity, client)
        response.delete_cookie(_cookie(secure=oidc.uses_https), secure=oidc.uses_https)
        return TokenPairOut.of(await tokens.issue(unwrap(outcome)))

    return router


def _cookie(*, secure: bool) -> str:
    return SECURE_COOKIE if secure else COOKIE


def _bind(response: Response, secret: str, *, secure: bool) -> None:
    response.set_cookie(
        _cookie(secure=secure),
        secret,
        max_age=int(FLOW_LIFETIME.total_seconds()),
        secure=secure,
        httponly=True,
        samesite="lax",
    )
