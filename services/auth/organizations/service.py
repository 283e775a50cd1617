"""Organizations: creating, reading and changing them, and acting in one."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.errors import InvalidRetention, OrganizationNotFound, SlugTaken
from services.auth.members.domain import Membership
from services.auth.members.events import as_member, publish_member
from services.auth.organizations.domain import Organization, OrganizationAccess, slug_of
from services.auth.organizations.events import publish_organization
from services.auth.organizations.lock import lock_active
from services.auth.organizations.secrets import SettingsEncryptor
from services.auth.sessions.errors import OwnSignInTooWeak
from services.auth.sessions.methods import Demand, SignInRules
from services.auth.users.domain import User
from shared.access import Caller, Identity, Permission, Role, Scope, SignInTooWeak
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.http.pages import PageRequest, Slice
from shared.retention import SETTING, RetentionSettings

DEFAULT_TIER = "free"
# The random end of a version 7 UUID, which makes the slugs of namesakes unique.
SUFFIX_LENGTH = 8


class OrganizationService:
    def __init__(
        self,
        clock: Clock,
        new_id: IdGenerator,
        auditor: Auditor,
        encryptor: SettingsEncryptor,
        retention: RetentionSettings,
    ) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor
        self._encryptor = encryptor
        self._retention = retention

    async def create(self, unit: Unit, owner: User, values: Mapping[str, Any]) -> Organization:
        """Create an organization with its owner. Raises SlugTaken, InvalidRetention."""
        self._check(values.get("settings"))
        now = self._clock.now()
        organization = Organization(
            id=self._new_id(),
            name=values["name"],
            slug=values.get("slug") or slug_of(values["name"]),
            description=values.get("description"),
            industry=values.get("industry"),
            settings=values.get("settings") or {},
            subscription_tier=DEFAULT_TIER,
            is_active=True,
            created_at=now,
            updated_at=now,
            version=1,
        )
        await unit.act_as(Scope(organization_id=organization.id, user_id=owner.id))
        organization = await self._add(unit, organization, chosen=bool(values.get("slug")))
        membership = await unit.memberships.add(
            Membership(self._new_id(), owner.id, organization.id, Role.OWNER, now, version=0)
        )
        await publish_organization(unit.outbox, organization)
        await publish_member(unit.outbox, as_member(owner, membership), now)
        await self._auditor.record(
            unit.outbox,
            "organization.created",
            user_id=owner.id,
            organization_id=organization.id,
            resource_type="organization",
            resource_id=organization.id,
            changes={"after": {"name": organization.name, "slug": organization.slug}},
        )
        return organization

    async def list(self, unit: Unit, identity: Identity, page: PageRequest) -> Slice[OrganizationAccess]:
        if identity.api_key_id is None:
            return await unit.organizations.of_user(identity.user_id, page)
        # Its user may have other organizations; the key has only this one.
        [own] = identity.memberships
        caller = await self.authorize(unit, identity, own, Permission.ORGANIZATION_READ)
        return Slice([await self.get(unit, caller)], None)

    async def authorize(
        self, unit: Unit, identity: Identity, organization_id: UUID, permission: Permission
    ) -> Caller:
        """Return the caller in the organization, with the current role, which the token may not have yet.

        An API key can only act in its own organization, and with at most its own role.
        Raises OrganizationNotFound for those who do not belong, SignInTooWeak when the session does not
        meet the demands of the organization, Forbidden when the role lacks `permission`.
        """
        if identity.api_key_id is not None and organization_id not in identity.memberships:
            raise OrganizationNotFound(organization_id)
        await unit.act_as(Scope(organization_id=organization_id, user_id=identity.user_id))
        organization = await unit.organizations.get(organization_id)
        member = await unit.memberships.get(organization_id, identity.user_id)
        if organization is None or not organization.is_active or member is None or not member.is_active:
            raise OrganizationNotFound(organization_id)
        if identity.api_key_id is None and (demand := await self._lacking(unit, organization, identity)):
            raise SignInTooWeak(str(demand))
        caller = Caller(
            user_id=identity.user_id,
            email=member.email,
            full_name=member.full_name,
            organization_id=organization_id,
            role=member.membership.role,
            token=identity.token,
            memberships=identity.memberships,
            api_key_id=identity.api_key_id,
            session_id=identity.session_id,
        )
        if identity.api_key_id is not None:
            caller = replace(caller, role=min(caller.role, identity.memberships[organization_id]))
        caller.require(permission)
        return caller

    async def get(self, unit: Unit, caller: Caller) -> OrganizationAccess:
        organization = await unit.organizations.get(caller.organization_id)
        if organization is None:
            raise OrganizationNotFound(caller.organization_id)
        return OrganizationAccess(organization, caller.role)

    async def change(self, unit: Unit, caller: Caller, changes: Mapping[str, Any]) -> OrganizationAccess:
        """Change the given fields.

        Raises OrganizationNotFound, SlugTaken, InvalidRetention, OwnSignInTooWeak.
        """
        self._check(changes.get("settings"))
        before = await lock_active(unit, caller.organization_id)
        if not changes:
            return OrganizationAccess(before, caller.role)
        if "settings" in changes:
            settings = self._encryptor.merged(before.id, before.settings, changes["settings"])
            changes = {**changes, "settings": settings}
        organization = before.changed(changes, self._clock.now())
        # Whoever sets a rule that they do not meet would lock themselves out, and perhaps everybody.
        if organization.rules != before.rules and (demand := await self._lacking(unit, organization, caller)):
            raise OwnSignInTooWeak(str(demand))
        await unit.organizations.update(organization)
        await publish_organization(unit.outbox, organization)
        old = {name: getattr(before, name) for name in changes}
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "organization.updated",
            "organization",
            organization.id,
            before=old,
            after=changes,
        )
        return OrganizationAccess(organization, caller.role)

    async def _lacking(
        self, unit: Unit, organization: Organization, user: Identity | Caller
    ) -> Demand | None:
        """What the user's session lacks to act in the organization."""
        if organization.rules == SignInRules() or user.session_id is None:
            return organization.rules.lacking(())
        found = await unit.sessions.live_one(user.user_id, user.session_id, self._clock.now())
        return organization.rules.lacking(found.methods if found else ())

    def _check(self, settings: Mapping[str, Any] | None) -> None:
        """Null under `retention`, as no key at all, means the installation's limits."""
        sent = (settings or {}).get(SETTING)
        if sent is not None and (errors := list(self._retention.errors(sent))):
            raise InvalidRetention(errors)

    @staticmethod
    async def _add(unit: Unit, organization: Organization, *, chosen: bool) -> Organization:
        if await unit.organizations.add(organization):
            return organization
        if chosen:
            raise SlugTaken(organization.slug)
        other = replace(organization, slug=f"{organization.slug}-{organization.id.hex[-SUFFIX_LENGTH:]}")
        if not await unit.organizations.add(other):
            raise SlugTaken(other.slug)
        return other
