"""Opening an account."""

from fastapi import APIRouter

from services.auth.database.unit import Units
from services.auth.registration.schemas import Registration, RegistrationOut
from services.auth.registration.service import RegistrationService
from shared.access import Scope
from shared.http.problems import problem_responses


def build_router(registration: RegistrationService, units: Units) -> APIRouter:
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

    return router
