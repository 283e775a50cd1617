"""Deletes organizations and accounts, and keeps the certificates of all deletions."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Protocol
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.deletions.domain import Deletion
from services.auth.errors import (
    AccountClosed,
    DeletionNotFound,
    LastOwnerOf,
    NotConfirmed,
    OnLegalHold,
    TokenOutdated,
)
from services.auth.organizations.domain import Organization
from services.auth.organizations.events import publish_tombstone
from services.auth.organizations.lock import lock_active
from services.auth.sessions.recent import require_recent_sign_in
from services.auth.standing.endings import account_changed, end_sessions
from shared.access import Caller, Identity, Scope
from shared.audit import Auditor
from shared.clock import Clock
from shared.erasure.requests import DeletionRequests
from shared.events.deletions import DeletionReported, DeletionRequested
from shared.http.pages import PageRequest, Slice

HELD_MACHINES = "/api/v1/machines?legal_hold=true&limit=1"


class MachinesService(Protocol):
    async def get(self, path: str, *, caller: Caller | None = None) -> Any: ...


class DeletionService:
    def __init__(
        self, clock: Clock, auditor: Auditor, deletions: DeletionRequests, machines: MachinesService
    ) -> None:
        self._clock = clock
        self._auditor = auditor
        self._deletions = deletions
        self._machines = machines

    async def check_confirmation(self, unit: Unit, caller: Caller, confirmation: str | None) -> None:
        """Raises NotConfirmed unless it is the slug or the name of the organization."""
        organization = await unit.organizations.get(caller.organization_id)
        if organization is None or confirmation not in (organization.slug, organization.name):
            raise NotConfirmed

    async def check_holds(self, caller: Caller) -> None:
        """Ask the machines service, outside transactions. Raises OnLegalHold, TokenOutdated, Unavailable."""
        if caller.organization_id not in caller.memberships:
            raise TokenOutdated
        if held := (await self._machines.get(HELD_MACHINES, caller=caller))["items"]:
            raise OnLegalHold(UUID(held[0]["id"]), held[0]["name"])

    async def delete_organization(self, unit: Unit, caller: Caller, identity: Identity) -> DeletionRequested:
        """End access to the organization, and request its deletion.

        Raises OrganizationNotFound, SignInTooOld.
        """
        await require_recent_sign_in(unit, identity, self._clock.now())
        organization = await lock_active(unit, caller.organization_id)
        now = self._clock.now()
        await unit.deletions.close_organization(organization.id, now)
        await publish_tombstone(unit.outbox, organization, now)
        deletion = await self._deletions.add(
            unit.outbox,
            "organization",
            organization.id,
            organization_id=organization.id,
            requested_by=caller.user_id,
        )
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "organization.deleted",
            "organization",
            organization.id,
            before={"name": organization.name, "slug": organization.slug},
            after={"deletion_id": deletion.deletion_id},
        )
        return deletion

    async def delete_account(self, unit: Unit, identity: Identity) -> DeletionRequested:
        """Close the account, and request its deletion. Raises AccountClosed, SignInTooOld, LastOwnerOf."""
        user = await unit.users.lock(identity.user_id)
        if user is None or not user.is_active:
            raise AccountClosed
        await require_recent_sign_in(unit, identity, self._clock.now())
        if alone := await self._owned_alone(unit, user.id):
            raise LastOwnerOf(alone)
        await unit.act_as(Scope(user_id=user.id))
        now = self._clock.now()
        await unit.deletions.close_user(user.id, now)
        await end_sessions(unit, user.id, now)
        await account_changed(unit, replace(user, is_active=False), now)
        deletion = await self._deletions.add(
            unit.outbox, "user", user.id, organization_id=None, requested_by=user.id
        )
        await self._auditor.record(
            unit.outbox,
            "user.deleted",
            user_id=user.id,
            organization_id=None,
            resource_type="user",
            resource_id=user.id,
            changes={"after": {"deletion_id": deletion.deletion_id}},
        )
        return deletion

    async def certify(
        self, unit: Unit, organization_id: UUID | None, event: DeletionRequested | DeletionReported
    ) -> None:
        """Add what an event says to the certificate; events may come in any order, and again."""
        completed = await unit.deletions.merge(organization_id, event)
        if completed is None:
            return
        await self._auditor.record(
            unit.outbox,
            "deletion.completed",
            user_id=None,
            organization_id=organization_id,
            resource_type=event.kind,
            resource_id=event.subject_id,
            changes={"after": {"deletion_id": event.deletion_id, "reports": completed.reports}},
        )

    async def get(self, unit: Unit, identity: Identity, deletion_id: UUID) -> Deletion:
        """Raises DeletionNotFound."""
        deletion = await unit.deletions.get(identity.user_id, deletion_id)
        if deletion is None or not _shown(identity, deletion):
            raise DeletionNotFound(deletion_id)
        return deletion

    async def list(self, unit: Unit, identity: Identity, page: PageRequest) -> Slice[Deletion]:
        key_of = next(iter(identity.memberships)) if identity.api_key_id else None
        return await unit.deletions.list(identity.user_id, key_of, page)

    @staticmethod
    async def _owned_alone(unit: Unit, user_id: UUID) -> Sequence[Organization]:
        """The organizations without another owner, locked, so that the other one does not leave now."""
        alone = []
        for place in await unit.organizations.owned_by(user_id):
            await unit.act_as(Scope(organization_id=place, user_id=user_id))
            organization = await unit.organizations.lock(place)
            if organization and not await unit.memberships.has_other_owner(place, user_id):
                alone.append(organization)
        return alone


def _shown(identity: Identity, deletion: Deletion) -> bool:
    """An API key shows what happened in its organization alone."""
    return identity.api_key_id is None or deletion.organization_id in identity.memberships
