"""Checks access that a token gave, for responses that outlast the token."""

from collections.abc import Sequence
from uuid import UUID

from services.auth.api_keys.service import ApiKeyService
from services.auth.database.unit import Unit
from services.auth.sessions.methods import Method
from services.auth.standing.errors import AccessEnded
from shared.access import Role, Scope
from shared.clock import Clock
from shared.http.pages import PageRequest


class StandingService:
    def __init__(self, api_keys: ApiKeyService, clock: Clock) -> None:
        self._api_keys = api_keys
        self._clock = clock

    async def of_key(self, unit: Unit, api_key_id: UUID, organization_id: UUID | None) -> Role:
        """The role of the key now. Raises AccessEnded and ApiKeyRefused."""
        if organization_id is None:
            raise AccessEnded
        await unit.act_as(Scope(organization_id=organization_id))
        return (await self._api_keys.grant(unit, organization_id, api_key_id)).role

    async def of_person(
        self, unit: Unit, user_id: UUID, session_id: UUID | None, organization_id: UUID | None
    ) -> Role | None:
        """The role of the user now, None without an organization. Raises AccessEnded."""
        if session_id is None:
            raise AccessEnded
        await unit.act_as(Scope(organization_id=organization_id, user_id=user_id))
        now = self._clock.now()
        session = await unit.sessions.live(user_id, now, PageRequest(1), family_id=session_id)
        if not session.items:
            raise AccessEnded
        if organization_id is None:
            return None
        return await self._role(unit, organization_id, user_id, session.items[0].methods)

    @staticmethod
    async def _role(unit: Unit, organization_id: UUID, user_id: UUID, methods: Sequence[Method]) -> Role:
        organization = await unit.organizations.get(organization_id)
        member = await unit.memberships.get(organization_id, user_id)
        if organization is None or not organization.is_active or member is None or not member.is_active:
            raise AccessEnded
        if organization.rules.lacking(methods):
            raise AccessEnded
        return member.membership.role
