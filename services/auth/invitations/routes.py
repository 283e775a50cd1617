"""Invitations to an organization, and accepting one."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Response

from services.auth.database.unit import Units
from services.auth.invitations.schemas import InvitationCreate, InvitationOut
from services.auth.invitations.service import InvitationService
from services.auth.organizations.schemas import OwnOrganizationOut
from services.auth.organizations.service import OrganizationService
from services.auth.verification.schemas import TokenRequest
from shared.access import Identity, Permission, Role, Scope
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses

PLACE = "/organizations/{organization_id}/invitations"


def build_router(
    organizations: OrganizationService, invitations: InvitationService, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(responses=problem_responses(400, 401, 422))
    signed_in = Annotated[Identity, Depends(guard.identity)]
    person = Annotated[Identity, Depends(guard.person)]

    @router.get(
        PLACE, tags=["organizations"], summary="List open invitations", responses=problem_responses(404)
    )
    async def list_invitations(
        identity: signed_in, organization_id: UUID, page: PageParameters
    ) -> Page[InvitationOut]:
        """Newest first. Invitations that were accepted or have expired are not listed."""
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.MEMBERS_READ)
            found = await invitations.list(unit, caller, page)
        return Page[InvitationOut].of(found, InvitationOut.of)

    @router.post(
        PLACE,
        status_code=201,
        tags=["organizations"],
        summary="Invite someone",
        description="Sends a link that can be used once. A new invitation replaces the previous one.",
        responses=problem_responses(403, 404, 409, 429),
    )
    async def create_invitation(
        identity: person, organization_id: UUID, body: InvitationCreate, response: Response
    ) -> InvitationOut:
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.MEMBERS_WRITE)
            invitation = await invitations.invite(unit, caller, body.email, Role.parse(body.role))
        response.headers["Location"] = f"/api/v1/organizations/{organization_id}/invitations/{invitation.id}"
        return InvitationOut.of(invitation)

    @router.delete(
        PLACE + "/{invitation_id}",
        status_code=204,
        tags=["organizations"],
        summary="Withdraw an invitation",
        responses=problem_responses(403, 404),
    )
    async def delete_invitation(identity: person, organization_id: UUID, invitation_id: UUID) -> None:
        """Its link stops working."""
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.MEMBERS_WRITE)
            await invitations.withdraw(unit, caller, invitation_id)

    @router.post(
        "/users/me/invitations",
        tags=["account"],
        summary="Accept an invitation",
        description="Refresh your token afterwards, since it lists your organizations.",
        responses=problem_responses(403, 409),
    )
    async def accept_invitation(identity: person, body: TokenRequest) -> OwnOrganizationOut:
        async with units(Scope(user_id=identity.user_id)) as unit:
            token = body.token.get_secret_value()
            return OwnOrganizationOut.of_access(await invitations.accept(unit, identity, token))

    return router
