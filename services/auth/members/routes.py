"""Members of an organization."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends

from services.auth.database.unit import Units
from services.auth.members.schemas import MemberOut, MemberUpdate
from services.auth.members.service import MemberService
from services.auth.organizations.service import OrganizationService
from shared.access import Identity, Permission, Role, Scope
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_router(
    organizations: OrganizationService, members: MemberService, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(
        prefix="/organizations/{organization_id}/members",
        tags=["organizations"],
        responses=problem_responses(401, 404, 422),
    )
    signed_in = Annotated[Identity, Depends(guard.identity)]
    # Only people manage members: a leaked key could otherwise outlive its deletion.
    person = Annotated[Identity, Depends(guard.person)]

    @router.get("", summary="List an organization's members", responses=problem_responses(400))
    async def list_members(
        identity: signed_in, organization_id: UUID, page: PageParameters
    ) -> Page[MemberOut]:
        """The member who joined last comes first."""
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.MEMBERS_READ)
            found = await members.list(unit, caller, page)
        return Page[MemberOut].of(found, MemberOut.of)

    @router.patch("/{user_id}", summary="Change a member", responses=problem_responses(400, 403, 409))
    async def update_member(
        identity: person, organization_id: UUID, user_id: UUID, body: MemberUpdate
    ) -> MemberOut:
        """Change the role, or end access with `is_active`: within two seconds every service refuses the
        member's tokens and API keys. Only owners make owners or suspend them; the last owner stays."""
        role = Role.parse(body.role) if body.role else None
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.MEMBERS_WRITE)
            changed = await members.change(unit, caller, user_id, role=role, is_active=body.is_active)
        return MemberOut.of(changed)

    @router.delete(
        "/{user_id}",
        status_code=204,
        summary="Remove a member, or leave the organization",
        responses=problem_responses(400, 403, 409),
    )
    async def remove_member(identity: person, organization_id: UUID, user_id: UUID) -> None:
        """The API keys that the member created are deleted too. The last owner cannot leave."""
        async with units(Scope()) as unit:
            caller = await organizations.authorize(unit, identity, organization_id, Permission.MEMBERS_READ)
            await members.remove(unit, caller, user_id)

    return router
