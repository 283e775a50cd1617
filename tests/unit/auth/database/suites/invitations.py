"""What every implementation of the repository of invitations does."""

from dataclasses import replace
from uuid import uuid4

from services.auth.database.unit import Unit, Units
from services.auth.invitations.domain import Invitation
from shared.access import Role, Scope
from shared.http.pages import PageRequest
from tests.unit.auth.database.examples import (
    COST,
    LONG_AGO,
    MINUTE,
    NOW,
    a_user,
    an_invitation,
    an_organization,
)


class InvitationSuite:
    """Subclasses give the fixture `units`."""

    async def test_an_invitation_replaces_the_previous_one(self, units: Units) -> None:
        async with units(Scope()) as unit:
            first = await self._invited(unit)
            place, again = first.organization_id, replace(first, id=uuid4(), token_hash=uuid4().hex)
            await unit.invitations.add(replace(again, role=Role.ADMIN))
            assert await unit.invitations.get(place, first.id) is None
            found = await unit.invitations.of_email(place, first.email)
            assert found == await unit.invitations.get(place, again.id) == replace(again, role=Role.ADMIN)
            assert await unit.invitations.organization_of(first.token_hash) is None
            assert await unit.invitations.of_token(first.token_hash) is None
            assert await unit.invitations.of_token(again.token_hash) == found
            await unit.act_as(Scope())
            assert await unit.invitations.organization_of(again.token_hash) == place
            assert await unit.invitations.exists_for(first.email, NOW)
            assert not await unit.invitations.exists_for(first.email, NOW + MINUTE)
            assert not await unit.invitations.exists_for(f"{uuid4().hex}@example.org", NOW)

    async def test_invitations_are_listed_newest_first_until_they_end(self, units: Units) -> None:
        async with units(Scope()) as unit:
            first = await self._invited(unit)
            place = first.organization_id
            later = [
                replace(first, id=uuid4(), email=f"{n}@example.org", token_hash=uuid4().hex, created_at=at)
                for n, at in enumerate((NOW + MINUTE, NOW + 2 * MINUTE))
            ]
            for one in later:
                await unit.invitations.add(one)
            page = await unit.invitations.list(place, NOW, PageRequest(limit=2))
            assert page.items == [later[1], later[0]]
            rest = await unit.invitations.list(place, NOW, PageRequest(limit=2, after=page.next_cursor))
            assert (rest.items, rest.next_cursor) == ([first], None)
            assert (await unit.invitations.list(place, NOW + MINUTE, PageRequest())).items == []
            assert await unit.invitations.remove(place, first.id)
            assert not await unit.invitations.remove(place, first.id)
            assert not await unit.invitations.remove(uuid4(), later[0].id)

    async def test_a_withdrawn_invitation_ends_but_counts(self, units: Units) -> None:
        async with units(Scope()) as unit:
            first = await self._invited(unit)
            place, now = first.organization_id, NOW + MINUTE / 2
            assert not await unit.invitations.expire(uuid4(), first.id, now)
            assert not await unit.invitations.expire(place, uuid4(), now)
            assert await unit.invitations.expire(place, first.id, now)
            assert not await unit.invitations.expire(place, first.id, now), "it has ended already"
            assert await unit.invitations.of_token(first.token_hash) == replace(first, expires_at=now)
            assert (await unit.invitations.list(place, now, PageRequest())).items == []
            assert not await unit.invitations.exists_for(first.email, now)
            assert await unit.invitations.count_since(place, LONG_AGO) == 1

    async def test_expired_invitations_of_all_organizations_are_deleted(self, units: Units) -> None:
        async with units(Scope()) as unit:
            kept = await self._invited(unit)
            old = replace(kept, id=uuid4(), email="old@example.org", token_hash=uuid4().hex)
            await unit.invitations.add(replace(old, expires_at=LONG_AGO))
            await unit.act_as(Scope())
            await unit.invitations.delete_expired(LONG_AGO + MINUTE)
            assert await unit.invitations.organization_of(old.token_hash) is None
            assert await unit.invitations.organization_of(kept.token_hash) == kept.organization_id

    @staticmethod
    async def _invited(unit: Unit) -> Invitation:
        user, organization = a_user(), an_organization()
        await unit.act_as(Scope(organization_id=organization.id, user_id=user.id))
        await unit.users.add(user, "prehash", COST)
        await unit.organizations.add(organization)
        invitation = an_invitation(organization, user)
        await unit.invitations.add(invitation)
        return invitation
