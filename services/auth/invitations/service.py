"""Invitations: sent, withdrawn and accepted."""

import secrets
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.errors import (
    AccountClosed,
    AlreadyMember,
    InvalidLink,
    InvitationForAnother,
    InvitationNotFound,
    OwnersOnly,
    TooManyAttempts,
)
from services.auth.invitations.domain import (
    INVITATION_LIFETIME,
    INVITATION_WINDOW,
    MAX_INVITATIONS,
    MIN_INVITATION_INTERVAL,
    Invitation,
)
from services.auth.mail.messages import MessageWriter
from services.auth.members.domain import Membership
from services.auth.members.events import as_member, publish_member
from services.auth.opaque_tokens import TOKEN_BYTES, token_hash
from services.auth.organizations.domain import OrganizationAccess
from services.auth.organizations.lock import lock_active
from services.auth.users.domain import User
from services.auth.verification.service import VerificationService
from shared.access import MIN_ROLE, Caller, Identity, Permission, Role, Scope
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.http.pages import PageRequest, Slice


class InvitationService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        messages: MessageWriter,
        verification: VerificationService,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._messages = messages
        self._verification = verification

    async def list(self, unit: Unit, caller: Caller, page: PageRequest) -> Slice[Invitation]:
        return await unit.invitations.list(caller.organization_id, self._clock.now(), page)

    async def invite(self, unit: Unit, caller: Caller, email: str, role: Role) -> Invitation:
        """Send a link, and invalidate the previous link to the address.

        Raises OrganizationNotFound, OwnersOnly, AlreadyMember, TooManyAttempts.
        """
        organization = await lock_active(unit, caller.organization_id)
        before = await unit.invitations.of_email(organization.id, email)
        # Nothing is taken from an owner by replacing an invitation that has ended.
        is_open = before is not None and before.is_open(self._clock.now())
        self._check_role(caller, role, before if is_open else None)
        await self._check_rate(unit, organization.id, before)
        user = await unit.users.by_email(email)
        if user and await unit.memberships.get(organization.id, user.id):
            raise AlreadyMember(email)
        token, now = secrets.token_urlsafe(TOKEN_BYTES), self._clock.now()
        invitation = Invitation(
            id=self._new_id(),
            organization_id=organization.id,
            email=email,
            role=role,
            token_hash=token_hash(token),
            invited_by=caller.user_id,
            created_at=now,
            expires_at=now + INVITATION_LIFETIME,
        )
        await unit.invitations.add(invitation)
        await self._messages.invitation(unit, invitation, organization, caller.full_name, token)
        await self._wrote(unit, caller, "invitation.sent", invitation, after=True)
        return invitation

    async def withdraw(self, unit: Unit, caller: Caller, invitation_id: UUID) -> None:
        """End an invitation; its mail still counts.

        Raises OrganizationNotFound, InvitationNotFound, OwnersOnly.
        """
        await lock_active(unit, caller.organization_id)
        invitation = await unit.invitations.get(caller.organization_id, invitation_id)
        now = self._clock.now()
        if invitation is None or not invitation.is_open(now):
            raise InvitationNotFound(invitation_id)
        self._check_role(caller, invitation.role, None)
        if not await unit.invitations.expire(caller.organization_id, invitation_id, now):
            raise InvitationNotFound(invitation_id)
        await self._wrote(unit, caller, "invitation.withdrawn", invitation, after=False)

    async def accept(self, unit: Unit, identity: Identity, token: str) -> OrganizationAccess:
        """Make a user who is signed in a member.

        Raises InvalidLink, InvitationForAnother, AlreadyMember.
        """
        user = await unit.users.lock(identity.user_id)
        if user is None or not user.is_active:
            raise AccountClosed
        invitation = await self.find(unit, token)
        if invitation.email != user.email:
            raise InvitationForAnother
        _, access = await self.join(unit, user, invitation)
        return access

    async def find(self, unit: Unit, token: str) -> Invitation:
        """The invitation of a link; the transaction acts in its organization from then on."""
        organization_id = await unit.invitations.organization_of(token_hash(token))
        if organization_id is None:
            raise InvalidLink
        await unit.act_as(Scope(organization_id=organization_id))
        # First the organization, then the invitation, as whoever invites again does: otherwise they deadlock.
        await unit.organizations.lock(organization_id)
        invitation = await unit.invitations.of_token(token_hash(token))
        if invitation is None or not invitation.is_open(self._clock.now()):
            raise InvalidLink
        return invitation

    async def join(self, unit: Unit, user: User, invitation: Invitation) -> tuple[User, OrganizationAccess]:
        """Make the user a member. The link was sent by mail, so it also verifies the address."""
        await unit.act_as(Scope(organization_id=invitation.organization_id, user_id=user.id))
        organization = await unit.organizations.lock(invitation.organization_id)
        if organization is None or not organization.is_active:
            raise InvalidLink
        if await unit.memberships.get(organization.id, user.id):
            raise AlreadyMember(user.email)
        if not await self._still_authorized(unit, invitation):
            raise InvalidLink
        await unit.invitations.remove(organization.id, invitation.id)
        user = await self._verification.mark_verified(unit, user)
        now = self._clock.now()
        membership = await unit.memberships.add(
            Membership(self._new_id(), user.id, organization.id, invitation.role, now, version=0)
        )
        await publish_member(unit.outbox, as_member(user, membership), now)
        await self._auditor.record(
            unit.outbox,
            "member.joined",
            user_id=user.id,
            organization_id=organization.id,
            resource_type="user",
            resource_id=user.id,
            changes={"after": {"role": membership.role.label, "invited_by": invitation.invited_by}},
        )
        return user, OrganizationAccess(organization, membership.role)

    async def _check_rate(self, unit: Unit, organization_id: UUID, before: Invitation | None) -> None:
        """Invitations are mail that nobody asked for: limit them. Raises TooManyAttempts."""
        now = self._clock.now()
        if before is not None and now - before.created_at < MIN_INVITATION_INTERVAL:
            raise TooManyAttempts(before.created_at + MIN_INVITATION_INTERVAL - now)
        if await unit.invitations.count_since(organization_id, now - INVITATION_WINDOW) >= MAX_INVITATIONS:
            raise TooManyAttempts(INVITATION_WINDOW)

    @staticmethod
    async def _still_authorized(unit: Unit, invitation: Invitation) -> bool:
        """Whether the sender may still invite: a removed administrator must not return with a link."""
        inviter = await unit.memberships.get(invitation.organization_id, invitation.invited_by)
        if inviter is None or not inviter.is_active:
            return False
        least = max(MIN_ROLE[Permission.MEMBERS_WRITE], invitation.role)
        return inviter.membership.role >= least

    @staticmethod
    def _check_role(caller: Caller, role: Role, before: Invitation | None) -> None:
        """Nobody can grant or withdraw a role above their own. Raises OwnersOnly."""
        if role > caller.role or (before is not None and before.role > caller.role):
            raise OwnersOnly

    async def _wrote(
        self, unit: Unit, caller: Caller, action: str, invitation: Invitation, *, after: bool
    ) -> None:
        values = {"email": invitation.email, "role": invitation.role.label}
        await self._auditor.wrote(
            unit.outbox,
            caller,
            action,
            "invitation",
            invitation.id,
            before=None if after else values,
            after=values if after else None,
        )
