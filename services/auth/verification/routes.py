"""Verification of e-mail addresses."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.auth.database.unit import Units
from services.auth.verification.schemas import TokenRequest
from services.auth.verification.service import VerificationService
from shared.access import Identity, Scope
from shared.http.caller import Guard
from shared.http.problems import problem_responses


def build_router(verification: VerificationService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter()
    signed_in = Annotated[Identity, Depends(guard.person)]

    @router.post(
        "/auth/verify-email",
        status_code=204,
        tags=["sign-in"],
        summary="Verify an address with the token sent to it",
        responses=problem_responses(400, 422),
    )
    async def verify_email(body: TokenRequest) -> None:
        """The token works once and is in the message that went to the address."""
        async with units(Scope()) as unit:
            await verification.verify(unit, body.token.get_secret_value())

    @router.post(
        "/users/me/verification",
        status_code=202,
        tags=["account"],
        summary="Resend the link to verify your address",
        description="Does nothing if a link was sent within the last two minutes.",
        responses=problem_responses(401, 403, 409),
    )
    async def send_verification(identity: signed_in) -> None:
        async with units(Scope(user_id=identity.user_id)) as unit:
            await verification.resend(unit, identity)

    return router
