"""What administrators of the installation see and end."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.auth.administration.schemas import AccountOut, ActiveUpdate
from services.auth.administration.service import AdministrationService
from services.auth.database.unit import Units
from services.auth.fields import MAX_EMAIL_LENGTH
from services.auth.organizations.schemas import OrganizationOut
from services.auth.users.schemas import UserOut
from shared.access import Identity, Scope
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_router(administration: AdministrationService, units: Units, guard: Guard) -> APIRouter:
    router = APIRouter(tags=["administration"], responses=problem_responses(401, 403, 422))
    person = Annotated[Identity, Depends(guard.person)]

    @router.get("/users", summary="List the accounts of the installation", responses=problem_responses(400))
    async def list_users(
        identity: person,
        page: PageParameters,
        email: Annotated[
            str | None,
            Query(max_length=MAX_EMAIL_LENGTH, pattern=r"^[^\x00]*$", description="The exact address"),
        ] = None,
        is_active: bool | None = None,
    ) -> Page[UserOut]:
        """For administrators of the installation. Newest first, without deleted accounts."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            found = await administration.list(unit, identity, email, is_active, page)
        return Page[UserOut].of(found, UserOut.of)

    @router.get("/users/{user_id}", summary="Get an account", responses=problem_responses(404))
    async def get_user(identity: person, user_id: UUID) -> AccountOut:
        """For administrators of the installation, with the organizations of the account."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            user, organizations = await administration.get(unit, identity, user_id)
        return AccountOut.with_organizations(user, organizations)

    @router.patch(
        "/users/{user_id}",
        summary="Close an account, or open it again",
        responses=problem_responses(400, 404, 409),
    )
    async def update_user(identity: person, user_id: UUID, body: ActiveUpdate) -> UserOut:
        """For administrators of the installation. A closed account has no sessions, and its API keys do not
        work: within two seconds every service refuses its tokens, and its event streams end."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            user = await administration.set_account_active(unit, identity, user_id, body.is_active)
        return UserOut.of(user)

    @router.delete(
        "/users/{user_id}/sessions",
        status_code=204,
        summary="End all sessions of an account",
        responses=problem_responses(404),
    )
    async def end_user_sessions(identity: person, user_id: UUID) -> None:
        """For administrators of the installation. The user can sign in again."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            await administration.end_sessions(unit, identity, user_id)

    @router.delete(
        "/users/{user_id}/second-factors",
        status_code=204,
        summary="Remove all second factors of an account",
        responses=problem_responses(404),
    )
    async def remove_user_second_factors(identity: person, user_id: UUID) -> None:
        """For administrators of the installation, for somebody who has lost all factors and recovery codes.
        Ends the account's sessions and mails its owner; the next sign-in needs the password alone. Needs a
        recent sign-in of yours. Check who is asking first, by a way other than mail."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            await administration.remove_second_factors(unit, identity, user_id)

    place = "/installation/organizations/{organization_id}"

    @router.get(place, summary="Get any organization", responses=problem_responses(404))
    async def get_any_organization(identity: person, organization_id: UUID) -> OrganizationOut:
        """For administrators of the installation, also while it is not active."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            found = await administration.organization(unit, identity, organization_id)
        return OrganizationOut.of(found)

    @router.patch(
        place,
        summary="Deactivate an organization, or activate it again",
        responses=problem_responses(400, 404),
    )
    async def update_any_organization(
        identity: person, organization_id: UUID, body: ActiveUpdate
    ) -> OrganizationOut:
        """For administrators of the installation. Nobody has access to an organization that is not active,
        API keys included; its data stay."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            found = await administration.set_organization_active(
                unit, identity, organization_id, body.is_active
            )
        return OrganizationOut.of(found)

    return router
