"""Checks access that a token gave: for other services, and for this one."""

from collections.abc import Mapping
from uuid import UUID

from services.auth.api_keys.service import ApiKeyService
from services.auth.database.unit import Unit, Units
from services.auth.errors import ApiKeyRefused
from services.auth.sessions.admission import admitted
from services.auth.sessions.domain import RefreshToken
from shared.access import Identity, Role, Scope
from shared.clock import Clock
from shared.ended import AccessRevoked


class StandingService:
    def __init__(self, api_keys: ApiKeyService, clock: Clock) -> None:
        self._api_keys = api_keys
        self._clock = clock

    async def of_key(self, unit: Unit, api_key_id: UUID, organization_id: UUID | None) -> Mapping[UUID, Role]:
        """The role of the key now, in its organization. Raises AccessRevoked and ApiKeyRefused."""
        if organization_id is None:
            raise AccessRevoked
        await unit.act_as(Scope(organization_id=organization_id))
        return {organization_id: (await self._api_keys.grant(unit, organization_id, api_key_id)).role}

    async def of_person(
        self, unit: Unit, user_id: UUID, session_id: UUID | None, organization_id: UUID | None
    ) -> Mapping[UUID, Role]:
        """The roles of the user now. Raises AccessRevoked, also without a role where it is asked about."""
        session = await self.session(unit, user_id, session_id)
        memberships, _ = await admitted(unit, user_id, session.methods)
        roles = {m.organization_id: m.role for m in memberships}
        if organization_id is not None and organization_id not in roles:
            raise AccessRevoked
        return roles

    async def session(self, unit: Unit, user_id: UUID, session_id: UUID | None) -> RefreshToken:
        """The session, of an account that is open. Raises AccessRevoked."""
        if session_id is None:
            raise AccessRevoked
        await unit.act_as(Scope(user_id=user_id))
        found = await unit.sessions.live_one(user_id, session_id, self._clock.now())
        user = await unit.users.get(user_id)
        if found is None or user is None or not user.is_active:
            raise AccessRevoked
        return found


class OwnAccess:
    """Auth knows at once what has ended. Roles are checked where they matter, with those in the database."""

    def __init__(self, units: Units, standing: StandingService) -> None:
        self._units = units
        self._standing = standing

    async def check(self, identity: Identity) -> None:
        """Raises AccessRevoked."""
        async with self._units(Scope()) as unit:
            if identity.api_key_id is None:
                await self._standing.session(unit, identity.user_id, identity.session_id)
                return
            try:
                place = next(iter(identity.memberships), None)
                await self._standing.of_key(unit, identity.api_key_id, place)
            except ApiKeyRefused:
                raise AccessRevoked from None
