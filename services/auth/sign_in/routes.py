"""Signing in and out, and refreshing tokens."""

from fastapi import APIRouter

from services.auth.database.unit import Units
from services.auth.errors import unwrap
from services.auth.keys.tokens import AccessTokens
from services.auth.passwords.turns import HashingTurns
from services.auth.sessions.client import RequestClient
from services.auth.sessions.service import SessionService
from services.auth.sign_in.devices import Devices
from services.auth.sign_in.policy import SignInPolicy
from services.auth.sign_in.schemas import Credentials, RefreshRequest, SignInMethodsOut, TokenPairOut
from services.auth.sign_in.service import SignInService
from shared.access import Scope
from shared.http.caching import NO_STORE
from shared.http.problems import problem_responses


def build_router(
    sign_in: SignInService,
    sessions: SessionService,
    devices: Devices,
    policy: SignInPolicy,
    tokens: AccessTokens,
    units: Units,
    hashing: HashingTurns,
) -> APIRouter:
    router = APIRouter(prefix="/auth", tags=["sign-in"])

    @router.post(
        "/login",
        summary="Sign in",
        description="An unknown address and a wrong password get the same response. Each failed attempt"
        " delays the next one. 403 if the password is correct but the address must be verified first, to"
        " which a"
        " link was sent; if the account has a second factor (`second-factor-needed`); or if the"
        " installation has"
        " no passwords.",
        responses=problem_responses(400, 401, 403, 422, 429),
        dependencies=[NO_STORE],
    )
    async def login(body: Credentials, client: RequestClient) -> TokenPairOut:
        async with units(Scope()) as unit:
            await sign_in.admit(unit, body.email, client, body.device)
        password = body.password.get_secret_value()
        async with hashing, units(Scope()) as unit:
            outcome = await sign_in.sign_in(unit, body.email, password, client, body.device)
        return TokenPairOut.of(await tokens.issue(unwrap(outcome)), devices.issue(body.email))

    @router.get("/sign-in-methods", summary="Show how people sign in here")
    async def get_sign_in_methods() -> SignInMethodsOut:
        """Whether this installation has passwords and single sign-on, and who may create an account."""
        return SignInMethodsOut(
            passwords=policy.password_sign_in,
            single_sign_on=policy.issuer is not None,
            registration=policy.registration.value,
        )

    @router.post(
        "/refresh",
        summary="Exchange a refresh token for a new pair",
        description="A refresh token can be used once. Repeating one within ten seconds, as two tabs may,"
        " gives the same new refresh token; reusing one later ends its session.",
        responses=problem_responses(400, 401, 422),
        dependencies=[NO_STORE],
    )
    async def refresh(body: RefreshRequest, client: RequestClient) -> TokenPairOut:
        async with units(Scope()) as unit:
            outcome = await sessions.refresh(unit, body.refresh_token.get_secret_value(), client)
        return TokenPairOut.of(await tokens.issue(unwrap(outcome)))

    @router.post("/logout", status_code=204, summary="Sign out", responses=problem_responses(400, 422))
    async def logout(body: RefreshRequest) -> None:
        """Ends the session of the refresh token. An unknown token is no error."""
        async with units(Scope()) as unit:
            await sessions.sign_out(unit, body.refresh_token.get_secret_value())

    return router
