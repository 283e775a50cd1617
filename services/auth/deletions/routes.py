"""Deleting organizations and the caller's account, and certificates of deletions."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response

from services.auth.database.unit import Units
from services.auth.deletions.schemas import DeletionOut
from services.auth.deletions.service import DeletionService
from services.auth.organizations.service import OrganizationService
from shared.access import Identity, Permission, Scope
from shared.erasure.requests import DeletionAccepted, location
from shared.http.caller import Guard
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses


def build_router(
    organizations: OrganizationService, deletions: DeletionService, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(responses=problem_responses(400, 401, 422))
    signed_in = Annotated[Identity, Depends(guard.identity)]
    person = Annotated[Identity, Depends(guard.person)]

    @router.delete(
        "/organizations/{organization_id}",
        status_code=202,
        tags=["organizations"],
        summary="Delete an organization",
        responses=problem_responses(403, 404, 409, 503),
    )
    async def delete_organization(
        identity: person,
        organization_id: UUID,
        response: Response,
        confirm: Annotated[
            str | None, Query(max_length=255, description="The organization's slug or name: required")
        ] = None,
    ) -> DeletionAccepted:
        """Only owners who signed in within the last 15 minutes. Ends everybody's access at once; everything
        that the organization has is deleted in the background. `Location` names the certificate of what was
        deleted. 409 while one of its machines is on legal hold."""
        async with units(Scope()) as unit:
            caller = await organizations.authorize(
                unit, identity, organization_id, Permission.ORGANIZATION_DELETE
            )
            await deletions.check_confirmation(unit, caller, confirm)
        await deletions.check_holds(caller)
        async with units(caller.scope) as unit:
            deletion = await deletions.delete_organization(unit, caller, identity)
        response.headers["Location"] = location(deletion)
        return DeletionAccepted.of(deletion)

    @router.delete(
        "/users/me",
        status_code=202,
        tags=["account"],
        summary="Delete your account",
        responses=problem_responses(403, 409),
    )
    async def delete_me(identity: person) -> DeletionAccepted:
        """Ends all your sessions and API keys at once; your name, your address and everything else that
        identifies you is deleted in the background. What you did stays in the audit trails without them. 403
        unless you signed in within the last 15 minutes. 409 while you are the last owner of an organization,
        which is named. Note the id of the deletion: administrators of the installation can show its
        certificate."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            deletion = await deletions.delete_account(unit, identity)
        return DeletionAccepted.of(deletion)

    @router.get("/deletions", tags=["deletions"], summary="List the deletions that you requested")
    async def list_deletions(identity: signed_in, page: PageParameters) -> Page[DeletionOut]:
        """Newest first."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            return Page[DeletionOut].of(await deletions.list(unit, identity, page), DeletionOut.of)

    @router.get(
        "/deletions/{deletion_id}",
        tags=["deletions"],
        summary="Get the certificate of a deletion",
        responses=problem_responses(404),
    )
    async def get_deletion(identity: signed_in, deletion_id: UUID) -> DeletionOut:
        """What every service deleted, for whoever requested the deletion. It appears within seconds of the
        request."""
        async with units(Scope(user_id=identity.user_id)) as unit:
            return DeletionOut.of(await deletions.get(unit, identity, deletion_id))

    return router
