"""The audit trail of the active organization."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.auth.database.unit import Units
from services.auth.organizations.service import OrganizationService
from services.auth.trail.domain import AuditFilter
from services.auth.trail.schemas import AuditEntryOut
from services.auth.trail.service import TrailService
from shared.access import Caller, Identity, Permission
from shared.http.caller import Guard
from shared.http.fields import Moment
from shared.http.pages import Page, PageParameters
from shared.http.problems import problem_responses

Word = Annotated[str | None, Query(max_length=100, pattern=r"^[^\x00]*$")]


def build_router(
    organizations: OrganizationService, trail: TrailService, units: Units, guard: Guard
) -> APIRouter:
    router = APIRouter(
        prefix="/audit-logs", tags=["audit"], responses=problem_responses(400, 401, 403, 404, 422)
    )
    reader = Annotated[Caller, Depends(guard.may(Permission.AUDIT_READ))]
    signed_in = Annotated[Identity, Depends(guard.identity)]

    @router.get(
        "",
        summary="List the audit trail of the organization",
        description="Newest first, including sign-ins of members. `since` is inclusive, `until` exclusive.",
    )
    async def list_audit_logs(
        caller: reader,
        identity: signed_in,
        page: PageParameters,
        user_id: UUID | None = None,
        action: Word = None,
        resource_type: Word = None,
        resource_id: UUID | None = None,
        since: Moment | None = None,
        until: Moment | None = None,
        api_key_id: UUID | None = None,
    ) -> Page[AuditEntryOut]:
        wanted = AuditFilter(user_id, action, resource_type, resource_id, since, until, api_key_id)
        async with units(caller.scope) as unit:
            # The role in the token may be out of date.
            await organizations.authorize(unit, identity, caller.organization_id, Permission.AUDIT_READ)
            found = await trail.list(unit, wanted, page)
        return Page[AuditEntryOut].of(found, AuditEntryOut.of)

    return router
