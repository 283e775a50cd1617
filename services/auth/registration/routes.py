"""Registration."""

from fastapi import APIRouter

from services.auth.database.unit import Units
from services.auth.passwords.turns import HashingTurns
from services.auth.registration.schemas import Registration, RegistrationOut
from services.auth.registration.service import RegistrationService
from shared.access import Scope
from shared.http.problems import problem_responses


def build_router(registration: RegistrationService, units: Units, hashing: HashingTurns) -> APIRouter:
    router = APIRouter(prefix="/auth", tags=["sign-in"])

    @router.post(
        "/register",
        status_code=201,
        summary="Create an account",
        description="`organization_name` creates an organization that the new user owns; `invitation_token`"
        " joins the organization of the invitation. A link to verify the address is sent to it. Without an"
        " invitation, the response is the same if the address already has an account: then nothing is"
        " created, and the owner gets a message. 403 if the installation accepts no registrations.",
        responses=problem_responses(400, 403, 409, 422),
    )
    async def register(body: Registration) -> RegistrationOut:
        person = (body.email, body.password.get_secret_value(), body.full_name)
        async with hashing, units(Scope()) as unit:
            if body.invitation_token is not None:
                token = body.invitation_token.get_secret_value()
                return RegistrationOut.of(*await registration.register_invited(unit, *person, token))
            return RegistrationOut.of(*await registration.register(unit, *person, body.organization_name))

    return router
