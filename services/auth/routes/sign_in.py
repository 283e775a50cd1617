"""Registering, signing in and out, and the keys that tokens are verified with."""

from fastapi import APIRouter, Response

from services.auth.repository import Units
from services.auth.routes.client import RequestClient
from services.auth.schemas import (
    Credentials,
    KeySetOut,
    RefreshRequest,
    Registration,
    RegistrationOut,
    TokenPairOut,
)
from services.auth.service.keys import RELOAD_AFTER, KeyRing
from services.auth.service.registration import RegistrationService
from services.auth.service.sign_in import SignInService, granted
from services.auth.service.tokens import AccessTokens
from shared.access import Scope
from shared.http.problems import problem_responses

KEYS_CACHE = f"public, max-age={int(RELOAD_AFTER.total_seconds())}"


def build_router(
    registration: RegistrationService,
    sign_in: SignInService,
    tokens: AccessTokens,
    keys: KeyRing,
    units: Units,
) -> APIRouter:
    router = APIRouter(prefix="/auth", tags=["sign-in"])

    @router.post(
        "/register",
        status_code=201,
        summary="Open an account",
        description="With `organization_name` an organization is founded that the new user owns; with"
        " `invitation_token` the user joins the one that sent it. A link to verify the address goes there by"
        " mail. Where that is required for signing in, a taken address gets the same answer as a free one.",
        responses=problem_responses(400, 403, 409, 422),
    )
    async def register(body: Registration) -> RegistrationOut:
        person = (body.email, body.password.get_secret_value(), body.full_name)
        async with units(Scope()) as unit:
            if body.invitation_token is not None:
                token = body.invitation_token.get_secret_value()
                return RegistrationOut.of(*await registration.register_invited(unit, *person, token))
            return RegistrationOut.of(*await registration.register(unit, *person, body.organization_name))

    @router.post(
        "/login",
        summary="Sign in",
        description="Unknown addresses and wrong passwords get the same answer. Failures slow the next try."
        " 403 with the right password: the address must be verified first, and a link is on its way.",
        responses=problem_responses(400, 401, 403, 422, 429),
    )
    async def login(body: Credentials, client: RequestClient, response: Response) -> TokenPairOut:
        async with units(Scope()) as unit:
            await sign_in.admit(unit, body.email, client)
        async with units(Scope()) as unit:
            outcome = await sign_in.sign_in(unit, body.email, body.password.get_secret_value(), client)
        response.headers["Cache-Control"] = "no-store"
        return TokenPairOut.of(await tokens.issue(granted(outcome)))

    @router.post(
        "/refresh",
        summary="Exchange a refresh token for a new pair",
        description="A refresh token works once. One that is used again later ends its session.",
        responses=problem_responses(400, 401, 422),
    )
    async def refresh(body: RefreshRequest, client: RequestClient, response: Response) -> TokenPairOut:
        async with units(Scope()) as unit:
            outcome = await sign_in.refresh(unit, body.refresh_token.get_secret_value(), client)
        response.headers["Cache-Control"] = "no-store"
        return TokenPairOut.of(await tokens.issue(granted(outcome)))

    @router.post("/logout", status_code=204, summary="Sign out", responses=problem_responses(400, 422))
    async def logout(body: RefreshRequest) -> None:
        async with units(Scope()) as unit:
            await sign_in.sign_out(unit, body.refresh_token.get_secret_value())

    @router.get("/jwks.json", summary="Show the keys that access tokens are verified with")
    async def get_jwks(response: Response) -> KeySetOut:
        response.headers["Cache-Control"] = KEYS_CACHE
        return KeySetOut.model_validate(await keys.public())

    return router
