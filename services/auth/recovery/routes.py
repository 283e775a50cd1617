"""Password reset."""

from fastapi import APIRouter

from services.auth.database.unit import Units
from services.auth.passwords.turns import HashingTurns
from services.auth.recovery.schemas import ForgotPassword, PasswordReset
from services.auth.recovery.service import RecoveryService
from services.auth.sessions.client import RequestClient
from shared.access import Scope
from shared.http.problems import problem_responses


def build_router(recovery: RecoveryService, units: Units, hashing: HashingTurns) -> APIRouter:
    router = APIRouter(prefix="/auth", tags=["sign-in"])

    @router.post(
        "/forgot-password",
        status_code=202,
        summary="Request a link to reset your password",
        description="The response is the same whether or not the account exists. An account that signs"
        " in through the"
        " provider gets a message that says so instead of a link. 403 if the installation has no passwords.",
        responses=problem_responses(400, 403, 422, 429),
    )
    async def forgot_password(body: ForgotPassword, client: RequestClient) -> None:
        async with units(Scope()) as unit:
            await recovery.request(unit, body.email, client)

    @router.post(
        "/reset-password",
        status_code=204,
        summary="Set a new password with the token sent by mail",
        description="Ends all sessions.",
        responses=problem_responses(400, 403, 422),
    )
    async def reset_password(body: PasswordReset, client: RequestClient) -> None:
        token, password = body.token.get_secret_value(), body.password.get_secret_value()
        async with hashing, units(Scope()) as unit:
            await recovery.reset(unit, token, password, client)

    return router
