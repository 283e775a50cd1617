"""The caller's organizations. The path names the organization, regardless of `X-Organization-Id`."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.auth.database.unit import Units
from services.auth.organizations.schemas import (
    OrganizationCreate,
    OrganizationOut,
    OrganizationUpdate,
    OwnOrganizationOut,
)
from services.auth.organizations.service import OrganizationService
from services.auth.users.service import AccountService
from shared.access import Identity, Permission, Scope
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_router(
    accounts: AccountService, organizations: OrganizationService, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(
        prefix="/organizations", tags=["organizations"], responses=problem_responses(400, 401, 422)
    )
    signed_in = Annotated[Identity, Depends(guard.identity)]
    person = Annotated[Identity, Depends(guard.person)]

    @router.get("", summary="List your organizations")
    async def list_organizations(identity: signed_in, page: PageParameters) -> Page[OwnOrganizationOut]:
        """The organizations that you are a member of, newest first; an API key has one."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            found = await organizations.list(unit, identity, page)
        return Page[OwnOrganizationOut].of(found, OwnOrganizationOut.of_access)

    @router.post(
        "",
        status_code=201,
        summary="Create an organization",
        description="You become its owner. Refresh your token afterwards, since it lists your organizations.",
        responses=problem_responses(403, 409),
    )
    async def create_organization(
        identity: person, body: OrganizationCreate, response: Response
    ) -> OrganizationOut:
        async with units(Scope(user_id=identity.user_id)) as unit:
            owner = await accounts.current(unit, identity)
            organization = await organizations.create(unit, owner, body.model_dump())
        response.headers["Location"] = f"/api/v1/organizations/{organization.id}"
        return OrganizationOut.of(organization)

    @router.get("/{organization_id}", summary="Get an organization", responses=problem_responses(404))
    async def get_organization(identity: signed_in, organization_id: UUID) -> OwnOrganizationOut:
        """Name, slug and settings; secrets in the settings are never shown."""
        async with units(Scope()) as unit:
            caller = await organizations.authorize(
                unit, identity, organization_id, Permission.ORGANIZATION_READ
            )
            return OwnOrganizationOut.of_access(await organizations.get(unit, caller))

    @router.patch(
        "/{organization_id}", summary="Change an organization", responses=problem_responses(403, 404, 409)
    )
    async def update_organization(
        identity: person, organization_id: UUID, body: OrganizationUpdate
    ) -> OwnOrganizationOut:
        """Only the fields that are sent change."""
        changes = body.model_dump(exclude_unset=True)
        async with units(Scope()) as unit:
            caller = await organizations.authorize(
                unit, identity, organization_id, Permission.ORGANIZATION_WRITE
            )
            return OwnOrganizationOut.of_access(await organizations.change(unit, caller, changes))

    return router
