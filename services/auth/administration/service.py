"""Ends access anywhere in the installation. Every method raises AdministratorsOnly for anybody else."""

from collections.abc import Sequence
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.errors import AccountNotFound, AdministratorsOnly, OwnAccess, UnknownOrganization
from services.auth.mail.messages import MessageWriter
from services.auth.organizations.domain import Organization, OrganizationAccess
from services.auth.organizations.events import publish_organization
from services.auth.sessions.recent import require_recent_sign_in
from services.auth.standing.endings import account_changed, end_sessions
from services.auth.users.domain import ADMINISTRATOR, User
from shared.access import Identity, Scope
from shared.audit import Auditor
from shared.clock import Clock
from shared.http.pages import PageRequest, Slice

# More than people have; the rest is not shown.
MAX_ORGANIZATIONS = 500


class AdministrationService:
    def __init__(self, clock: Clock, auditor: Auditor, messages: MessageWriter) -> None:
        self._clock = clock
        self._auditor = auditor
        self._messages = messages

    async def list(
        self, unit: Unit, identity: Identity, email: str | None, is_active: bool | None, page: PageRequest
    ) -> Slice[User]:
        await self._check(unit, identity)
        return await unit.users.list(email.lower() if email else None, is_active, page)

    async def get(
        self, unit: Unit, identity: Identity, user_id: UUID
    ) -> tuple[User, Sequence[OrganizationAccess]]:
        """An account, and the organizations where it has access. Raises AccountNotFound."""
        await self._check(unit, identity)
        user = await self._account(unit, user_id)
        await unit.act_as(Scope(user_id=user.id))
        organizations = await unit.organizations.of_user(user.id, PageRequest(limit=MAX_ORGANIZATIONS))
        return user, organizations.items

    async def set_account_active(
        self, unit: Unit, identity: Identity, user_id: UUID, is_active: bool
    ) -> User:
        """Close an account, with its sessions and API keys, or open it again.

        Raises AccountNotFound, OwnAccess.
        """
        await self._check(unit, identity)
        before = await self._account(unit, user_id)
        if before.is_active == is_active:
            return before
        if user_id == identity.user_id:
            raise OwnAccess
        now = self._clock.now()
        user = await unit.users.set_active(user_id, is_active, now)
        if user is None:
            raise AccountNotFound(user_id)
        if not is_active:
            await end_sessions(unit, user.id, now)
        await account_changed(unit, user, now)
        await self._audit(
            unit, identity, "user.opened" if is_active else "user.closed", "user", user.id, None
        )
        return user

    async def end_sessions(self, unit: Unit, identity: Identity, user_id: UUID) -> None:
        """End all sessions of an account. Raises AccountNotFound."""
        await self._check(unit, identity)
        user = await self._account(unit, user_id)
        await end_sessions(unit, user.id, self._clock.now())
        await self._audit(unit, identity, "user.sessions_ended", "user", user.id, None)

    async def remove_second_factors(self, unit: Unit, identity: Identity, user_id: UUID) -> None:
        """Remove every second factor and recovery code of somebody who has lost them, and end the sessions.

        The owner gets a mail. Without second factors, nothing changes. Raises AccountNotFound, SignInTooOld.
        """
        await self._check(unit, identity)
        now = self._clock.now()
        await require_recent_sign_in(unit, identity, now)
        user = await self._account(unit, user_id)
        if not (await unit.second_factors.of(user.id)).any:
            return
        await unit.second_factors.remove_all(user.id)
        await end_sessions(unit, user.id, now)
        await self._messages.second_factors_removed(unit, user)
        await self._audit(unit, identity, "user.second_factors_removed", "user", user.id, None)

    async def organization(self, unit: Unit, identity: Identity, organization_id: UUID) -> Organization:
        """Raises UnknownOrganization."""
        await self._check(unit, identity)
        await unit.act_as(Scope(organization_id=organization_id))
        organization = await unit.organizations.get(organization_id)
        if organization is None:
            raise UnknownOrganization(organization_id)
        return organization

    async def set_organization_active(
        self, unit: Unit, identity: Identity, organization_id: UUID, is_active: bool
    ) -> Organization:
        """End everybody's access to an organization, or give it back; what it has stays.

        Raises UnknownOrganization, also for one that was deleted.
        """
        before = await self.organization(unit, identity, organization_id)
        if before.is_active == is_active:
            return before
        organization = await unit.organizations.set_active(organization_id, is_active, self._clock.now())
        if organization is None:
            raise UnknownOrganization(organization_id)
        await publish_organization(unit.outbox, organization)
        action = "organization.activated" if is_active else "organization.deactivated"
        await self._audit(unit, identity, action, "organization", organization_id, organization_id)
        return organization

    @staticmethod
    async def _check(unit: Unit, identity: Identity) -> None:
        """Asks the database, not the token, so that what the command line takes away is gone at once."""
        user = await unit.users.get(identity.user_id)
        if user is None or not user.is_active or user.role != ADMINISTRATOR:
            raise AdministratorsOnly

    @staticmethod
    async def _account(unit: Unit, user_id: UUID) -> User:
        """Locked, so that nobody signs in meanwhile."""
        user = await unit.users.lock(user_id)
        if user is None:
            raise AccountNotFound(user_id)
        return user

    async def _audit(
        self,
        unit: Unit,
        identity: Identity,
        action: str,
        kind: str,
        subject_id: UUID,
        organization_id: UUID | None,
    ) -> None:
        await self._auditor.record(
            unit.outbox,
            action,
            user_id=identity.user_id,
            organization_id=organization_id,
            resource_type=kind,
            resource_id=subject_id,
        )
