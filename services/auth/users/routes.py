"""The caller's own account."""

from typing import Annotated

from fastapi import APIRouter, Depends

from services.auth.database.unit import Units
from services.auth.errors import unwrap
from services.auth.passwords.turns import HashingTurns
from services.auth.sessions.client import RequestClient
from services.auth.users.schemas import PasswordChange, ProfileUpdate, UserOut
from services.auth.users.service import AccountService
from shared.access import Identity, Scope
from shared.http.caller import Guard
from shared.http.problems import problem_responses


def build_router(accounts: AccountService, units: Units, guard: Guard, hashing: HashingTurns) -> APIRouter:
    router = APIRouter(prefix="/users/me", tags=["account"], responses=problem_responses(401, 403))
    signed_in = Annotated[Identity, Depends(guard.person)]

    @router.get("", summary="Show your account")
    async def get_me(identity: signed_in) -> UserOut:
        """Your name, your address and whether it is verified."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            return UserOut.of(await accounts.current(unit, identity))

    @router.patch("", summary="Change your profile", responses=problem_responses(400, 422))
    async def update_me(identity: signed_in, body: ProfileUpdate) -> UserOut:
        """Only the fields that are sent change."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            return UserOut.of(await accounts.change(unit, identity, body.model_dump(exclude_unset=True)))

    @router.post(
        "/password",
        status_code=204,
        summary="Change your password",
        description="Ends all your other sessions. Each failed attempt delays the next one.",
        responses=problem_responses(400, 403, 422, 429),
    )
    async def change_password(identity: signed_in, body: PasswordChange, client: RequestClient) -> None:
        current, new = body.current_password.get_secret_value(), body.new_password.get_secret_value()
        scope = Scope(user_id=identity.user_id)
        async with units(scope) as unit:
            await accounts.admit(unit, identity, client)
        async with hashing, units(scope) as unit:
            outcome = await accounts.change_password(unit, identity, current, new, client)
        unwrap(outcome)

    return router
