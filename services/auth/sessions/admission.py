"""The organizations that a session may act in."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

from services.auth.database.unit import Unit
from services.auth.members.domain import Membership
from services.auth.sessions.methods import Demand, Method, SignInRules


async def admitted(
    unit: Unit, user_id: UUID, methods: Collection[Method]
) -> tuple[Sequence[Membership], Mapping[UUID, Demand]]:
    """The user's memberships where the sign-in meets the demands, and what it lacks elsewhere."""
    memberships = await unit.memberships.active_of(user_id)
    rules = await unit.organizations.rules_of(user_id)
    barred: dict[UUID, Demand] = {}
    for place in (m.organization_id for m in memberships):
        if demand := rules.get(place, SignInRules()).lacking(methods):
            barred[place] = demand
    return [m for m in memberships if m.organization_id not in barred], barred
