"""Second factors: of the caller's account, and as the second step of a sign-in."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.auth.database.unit import Units
from services.auth.errors import unwrap
from services.auth.keys.tokens import AccessTokens
from services.auth.second_factor.entrance import Entrance
from services.auth.second_factor.schemas import (
    NewPasskey,
    NewPasskeyOut,
    PasskeyOptionsOut,
    PasskeyOut,
    RecoveryCodesOut,
    SecondFactorAnswer,
    SecondFactorsOut,
    TotpConfirmation,
    TotpOut,
)
from services.auth.second_factor.service import SecondFactorService
from services.auth.sessions.client import RequestClient
from services.auth.sign_in.devices import Devices
from services.auth.sign_in.schemas import TokenPairOut
from shared.access import Identity, Scope
from shared.http.caching import NO_STORE
from shared.http.caller import Guard
from shared.http.problems import problem_responses

VERIFIED = "Needs a verified e-mail address."
RECENT = "Needs a sign-in within the last 15 minutes."


def build_sign_in_router(
    entrance: Entrance, devices: Devices, tokens: AccessTokens, units: Units
) -> APIRouter:
    router = APIRouter(prefix="/auth", tags=["sign-in"])

    @router.post(
        "/second-factor",
        summary="Finish a sign-in with the second factor",
        description="For an account that has one, POST /auth/login and the return from the provider"
        " answer 403 with"
        " the problem `second-factor-needed`: its `methods` say what the account has, and"
        " `passkey_options` are for"
        " `PublicKeyCredential.parseRequestOptionsFromJSON`. The challenge lasts ten minutes and five"
        " wrong answers.",
        responses=problem_responses(400, 401, 422, 429),
        dependencies=[NO_STORE],
    )
    async def answer_second_factor(body: SecondFactorAnswer, client: RequestClient) -> TokenPairOut:
        challenge, answer, device = body.challenge.get_secret_value(), body.answer, body.device
        async with units(Scope()) as unit:
            await entrance.admit(unit, challenge, answer.method, client, device)
        async with units(Scope()) as unit:
            grant = unwrap(await entrance.answer(unit, challenge, answer, client, device))
        return TokenPairOut.of(await tokens.issue(grant), devices.issue(grant.user.email, factor=True))

    return router


def build_router(factors: SecondFactorService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(prefix="/users/me", tags=["account"], responses=problem_responses(401, 403))
    signed_in = Annotated[Identity, Depends(guard.person)]

    @router.get("/second-factors", summary="Show your second factors")
    async def get_second_factors(identity: signed_in) -> SecondFactorsOut:
        """The authenticator app, the passkeys, and how many recovery codes are left."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            return SecondFactorsOut.of(await factors.show(unit, identity))

    @router.post(
        "/totp",
        status_code=201,
        summary="Begin to set up an authenticator app",
        description=f"Returns a secret, which counts once a first code has confirmed it. {VERIFIED} {RECENT}",
        responses=problem_responses(409),
        dependencies=[NO_STORE],
    )
    async def begin_totp(identity: signed_in) -> TotpOut:
        async with units(Scope(user_id=identity.user_id)) as unit:
            return TotpOut.of(await factors.begin_totp(unit, identity))

    @router.post(
        "/totp/confirmation",
        summary="Turn the authenticator app on",
        description="With a code that it shows. The first second factor of an account ends its other"
        " sessions and"
        f" comes with recovery codes. {RECENT}",
        responses=problem_responses(400, 404, 409, 422),
        dependencies=[NO_STORE],
    )
    async def confirm_totp(identity: signed_in, body: TotpConfirmation) -> RecoveryCodesOut:
        async with units(Scope(user_id=identity.user_id)) as unit:
            made = await factors.confirm_totp(unit, identity, body.code)
        return RecoveryCodesOut(recovery_codes=list(made))

    @router.delete(
        "/totp",
        status_code=204,
        summary="Remove the authenticator app",
        description=RECENT,
        responses=problem_responses(404),
    )
    async def remove_totp(identity: signed_in) -> None:
        async with units(Scope(user_id=identity.user_id)) as unit:
            await factors.remove_totp(unit, identity)

    @router.post(
        "/passkey-challenges",
        status_code=201,
        summary="Begin to add a passkey",
        description=f"Returns what a browser needs to make one. {VERIFIED} {RECENT}",
        responses=problem_responses(409),
        dependencies=[NO_STORE],
    )
    async def begin_passkey(identity: signed_in) -> PasskeyOptionsOut:
        async with units(Scope(user_id=identity.user_id)) as unit:
            return PasskeyOptionsOut.of(await factors.begin_passkey(unit, identity))

    @router.post(
        "/passkeys",
        status_code=201,
        summary="Add a passkey",
        description="The first second factor of an account ends its other sessions and comes with"
        " recovery codes."
        f" {RECENT}",
        responses=problem_responses(400, 409, 422),
        dependencies=[NO_STORE],
    )
    async def add_passkey(identity: signed_in, body: NewPasskey) -> NewPasskeyOut:
        challenge = body.challenge.get_secret_value()
        async with units(Scope(user_id=identity.user_id)) as unit:
            passkey, made = await factors.add_passkey(unit, identity, challenge, body.name, body.credential)
        return NewPasskeyOut(passkey=PasskeyOut.of(passkey), recovery_codes=list(made))

    @router.delete(
        "/passkeys/{passkey_id}",
        status_code=204,
        summary="Remove a passkey",
        description=RECENT,
        responses=problem_responses(404, 422),
    )
    async def remove_passkey(identity: signed_in, passkey_id: UUID) -> None:
        async with units(Scope(user_id=identity.user_id)) as unit:
            await factors.remove_passkey(unit, identity, passkey_id)

    @router.post(
        "/recovery-codes",
        status_code=201,
        summary="Make new recovery codes",
        description=f"Those from before stop working. {RECENT}",
        responses=problem_responses(409),
        dependencies=[NO_STORE],
    )
    async def renew_recovery_codes(identity: signed_in) -> RecoveryCodesOut:
        async with units(Scope(user_id=identity.user_id)) as unit:
            made = await factors.renew_codes(unit, identity)
        return RecoveryCodesOut(recovery_codes=list(made))

    return router
