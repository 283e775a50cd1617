"""Members of an organization and their roles."""

from dataclasses import replace
from typing import Any
from uuid import UUID

from services.auth.api_keys.service import audit_deleted
from services.auth.database.unit import Unit
from services.auth.errors import LastOwner, MemberNotFound, OwnAccess, OwnersOnly
from services.auth.members.domain import Member, Membership
from services.auth.members.events import publish_member
from services.auth.organizations.lock import lock_active
from shared.access import Caller, Permission, Role
from shared.audit import Auditor
from shared.clock import Clock
from shared.http.pages import PageRequest, Slice


class MemberService:
    def __init__(self, clock: Clock, auditor: Auditor) -> None:
        self._clock = clock
        self._auditor = auditor

    async def list(self, unit: Unit, caller: Caller, page: PageRequest) -> Slice[Member]:
        return await unit.memberships.list(caller.organization_id, page)

    async def change(
        self, unit: Unit, caller: Caller, user_id: UUID, *, role: Role | None, is_active: bool | None
    ) -> Member:
        """Change the role, and take access away or give it back; None changes nothing.

        Raises OrganizationNotFound, MemberNotFound, OwnersOnly, LastOwner, OwnAccess.
        """
        member = await self._locked(unit, caller, user_id)
        before = member.membership
        after = replace(
            before,
            role=before.role if role is None else role,
            is_active=before.is_active if is_active is None else is_active,
        )
        if after == before:
            return member
        if user_id == caller.user_id and not after.is_active:
            raise OwnAccess
        if Role.OWNER in (after.role, before.role):
            await self._owners_only(unit, caller, member)
        membership = await unit.memberships.change(after)
        changed = await unit.memberships.get(caller.organization_id, user_id)
        if membership is None or changed is None:
            raise MemberNotFound(user_id)
        await publish_member(unit.outbox, changed, self._clock.now())
        await self._audit_change(unit, caller, before, after)
        return changed

    async def remove(self, unit: Unit, caller: Caller, user_id: UUID) -> None:
        """End a membership, and delete the API keys of the member. Users may end their own; API keys may not.

        Raises OrganizationNotFound, MemberNotFound, OwnersOnly, LastOwner.
        """
        if user_id != caller.user_id or caller.api_key_id is not None:
            caller.require(Permission.MEMBERS_WRITE)
        member = await self._locked(unit, caller, user_id)
        role = member.membership.role
        if role is Role.OWNER:
            await self._owners_only(unit, caller, member)
        membership = await unit.memberships.remove(caller.organization_id, user_id)
        if membership is None:
            raise MemberNotFound(user_id)
        await publish_member(
            unit.outbox, replace(member, membership=membership), self._clock.now(), deleted=True
        )
        for key in await unit.api_keys.delete_created_by(caller.organization_id, user_id):
            await audit_deleted(self._auditor, unit, caller, key)
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "member.removed",
            "user",
            user_id,
            before={"role": role.label, "email": member.email},
        )

    async def _audit_change(self, unit: Unit, caller: Caller, before: Membership, after: Membership) -> None:
        actions = {
            "role": "member.role_changed",
            "is_active": "member.activated" if after.is_active else "member.deactivated",
        }
        for field, action in actions.items():
            old, new = _shown(before)[field], _shown(after)[field]
            if old != new:
                await self._auditor.wrote(
                    unit.outbox,
                    caller,
                    action,
                    "user",
                    after.user_id,
                    before={field: old},
                    after={field: new},
                )

    @staticmethod
    async def _locked(unit: Unit, caller: Caller, user_id: UUID) -> Member:
        """The member; changes of other members wait until the transaction ends."""
        await lock_active(unit, caller.organization_id)
        member = await unit.memberships.get(caller.organization_id, user_id)
        if member is None:
            raise MemberNotFound(user_id)
        return member

    @staticmethod
    async def _owners_only(unit: Unit, caller: Caller, member: Member) -> None:
        if caller.role < Role.OWNER:
            raise OwnersOnly
        place = member.membership
        if place.role is Role.OWNER and not await unit.memberships.has_other_owner(
            place.organization_id, place.user_id
        ):
            raise LastOwner


def _shown(membership: Membership) -> dict[str, Any]:
    return {"role": membership.role.label, "is_active": membership.is_active}
