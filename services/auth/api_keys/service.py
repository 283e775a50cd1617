"""API keys: made, listed, deleted, and exchanged for short-lived access tokens."""

import secrets
from datetime import datetime, timedelta
from uuid import UUID

from services.auth.api_keys.domain import SECRET_BYTES, ApiKey, KeyGrant, key_text, read_key
from services.auth.database.unit import Unit
from services.auth.errors import ApiKeyNotFound, ApiKeyRefused, ExpiryPassed, RoleTooHigh
from services.auth.opaque_tokens import token_hash
from shared.access import Caller, Role, Scope
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.http.pages import PageRequest, Slice

# "Last used" is for people who clean up: minutes are exact enough, and a write per exchange would be waste.
USE_NOTED_EVERY = timedelta(minutes=5)


class ApiKeyService:
    def __init__(self, clock: Clock, new_id: IdGenerator, auditor: Auditor) -> None:
        self._clock = clock
        self._new_id = new_id
        self._auditor = auditor

    async def create(
        self, unit: Unit, caller: Caller, name: str, role: Role, expires_at: datetime | None
    ) -> tuple[ApiKey, str]:
        """Make a key and give it with its text, which is nowhere to be had again.

        Raises RoleTooHigh, ExpiryPassed.
        """
        if role > caller.role or role is Role.OWNER:
            raise RoleTooHigh(caller.role)
        now = self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise ExpiryPassed
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
        return key, key_text(key.id, secret)

    async def list(self, unit: Unit, caller: Caller, page: PageRequest) -> Slice[ApiKey]:
        return await unit.api_keys.list(caller.organization_id, page)

    async def delete(self, unit: Unit, caller: Caller, key_id: UUID) -> None:
        """End a key. Raises ApiKeyNotFound."""
        key = await unit.api_keys.delete(caller.organization_id, key_id)
        if key is None:
            raise ApiKeyNotFound(key_id)
        await audit_deleted(self._auditor, unit, caller, key)

    async def exchange(self, unit: Unit, presented: str) -> KeyGrant:
        """What the key allows now. Raises ApiKeyRefused, with one answer whatever is wrong.

        A key acts for the user who made it: once that user has left the organization or the account is
        closed it ends, and it has that user's role when its own is higher by now.
        """
        parts = read_key(presented)
        if parts is None:
            raise ApiKeyRefused
        key_id, secret = parts
        organization_id = await unit.api_keys.organization_of(key_id, token_hash(secret))
        if organization_id is None:
            raise ApiKeyRefused
        await unit.act_as(Scope(organization_id=organization_id))
        now = self._clock.now()
        key = await unit.api_keys.get(key_id)
        organization = await unit.organizations.get(organization_id)
        if key is None or organization is None or not organization.is_active or not key.holds(now):
            raise ApiKeyRefused
        maker = await unit.memberships.get(organization_id, key.created_by)
        if maker is None or not maker.is_active:
            raise ApiKeyRefused
        await unit.api_keys.used(key_id, now, now - USE_NOTED_EVERY)
        return KeyGrant(key, min(key.role, maker.membership.role), maker.email, maker.full_name)


async def audit_deleted(auditor: Auditor, unit: Unit, caller: Caller, key: ApiKey) -> None:
    await auditor.wrote(
        unit.outbox,
        caller,
        "api_key.deleted",
        "api_key",
        key.id,
        before={"name": key.name, "role": key.role.label},
    )
