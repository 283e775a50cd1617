"""API keys: created, listed, deleted, and exchanged for short-lived access tokens."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from services.auth.api_keys.domain import SECRET_BYTES, ApiKey, KeyGrant, format_key, parse_key
from services.auth.database.unit import Unit
from services.auth.errors import (
    ApiKeyNotFound,
    ApiKeyRefused,
    ExpiryInPast,
    OrganizationNotFound,
    RoleTooHigh,
)
from services.auth.opaque_tokens import token_hash
from services.auth.organizations.lock import lock_active
from services.auth.standing.endings import key_ended
from shared.access import Caller, Role, Scope
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.http.pages import PageRequest, Slice

# `last_used_at` shows people which keys are unused: minutes will do, without a write per exchange.
LAST_USED_PRECISION = timedelta(minutes=5)


class ApiKeyService:
    def __init__(self, clock: Clock, new_id: IdGenerator, auditor: Auditor) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor

    async def create(
        self, unit: Unit, caller: Caller, name: str, role: Role, expires_at: datetime | None
    ) -> tuple[ApiKey, str]:
        """Create a key, and return it with its text, which is not stored.

        Raises OrganizationNotFound, RoleTooHigh, ExpiryInPast.
        """
        await lock_active(unit, caller.organization_id)
        # The caller may have just been removed, with all keys: one more would work if the caller returned.
        maker = await unit.memberships.get(caller.organization_id, caller.user_id)
        if maker is None or not maker.is_active:
            raise OrganizationNotFound(caller.organization_id)
        if role > caller.role or role is Role.OWNER:
            raise RoleTooHigh(caller.role)
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise ExpiryInPast
        secret = secrets.token_hex(SECRET_BYTES)
        key = ApiKey(
            id=self._new_id(),
            organization_id=caller.organization_id,
            name=name,
            role=role,
            created_by=caller.user_id,
            created_at=now,
            expires_at=expires_at,
            last_used_at=None,
        )
        await unit.api_keys.add(key, token_hash(secret))
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "api_key.created",
            "api_key",
            key.id,
            after={"name": name, "role": role.label, "expires_at": expires_at},
        )
        return key, format_key(key.id, secret)

    async def list(self, unit: Unit, caller: Caller, page: PageRequest) -> Slice[ApiKey]:
        return await unit.api_keys.list(caller.organization_id, page)

    async def delete(self, unit: Unit, caller: Caller, key_id: UUID) -> None:
        """Raises ApiKeyNotFound."""
        key = await unit.api_keys.delete(caller.organization_id, key_id)
        if key is None:
            raise ApiKeyNotFound(key_id)
        await key_ended(unit, key, self._clock.now())
        await audit_deleted(self._auditor, unit, caller, key)

    async def exchange(self, unit: Unit, presented: str) -> KeyGrant:
        """Return what the key allows now. Raises ApiKeyRefused, the same for every reason.

        A key acts on behalf of its creator: it is refused once the creator has left the organization or the
        account is closed, and it is limited to the creator's current role.
        """
        parts = parse_key(presented)
        if parts is None:
            raise ApiKeyRefused
        key_id, secret = parts
        organization_id = await unit.api_keys.organization_of(key_id, token_hash(secret))
        if organization_id is None:
            raise ApiKeyRefused
        await unit.act_as(Scope(organization_id=organization_id))
        grant = await self.grant(unit, organization_id, key_id)
        now = self._clock.now()
        await unit.api_keys.record_use(key_id, now, now - LAST_USED_PRECISION)
        return grant

    async def grant(self, unit: Unit, organization_id: UUID, key_id: UUID) -> KeyGrant:
        """What a key of the organization allows now. Raises ApiKeyRefused."""
        now = self._clock.now()
        key = await unit.api_keys.get(key_id)
        organization = await unit.organizations.get(organization_id)
        if key is None or organization is None or not organization.is_active or not key.is_valid(now):
            raise ApiKeyRefused
        creator = await unit.memberships.get(organization_id, key.created_by)
        if creator is None or not creator.is_active:
            raise ApiKeyRefused
        place = creator.membership
        return KeyGrant(key, min(key.role, place.role), creator.email, creator.full_name, place.version)


async def audit_deleted(auditor: Auditor, unit: Unit, caller: Caller, key: ApiKey) -> None:
    await auditor.wrote(
        unit.outbox,
        caller,
        "api_key.deleted",
        "api_key",
        key.id,
        before={"name": key.name, "role": key.role.label},
    )
