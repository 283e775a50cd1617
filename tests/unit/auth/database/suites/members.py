"""What every implementation of the repository of memberships does."""

from dataclasses import replace
from uuid import uuid4

from services.auth.database.unit import Units
from services.auth.members.domain import Membership
from services.auth.sessions.methods import SignInRules
from shared.access import Role, Scope
from shared.http.pages import PageRequest
from tests.unit.auth.database.examples import COST, NOW, a_user, an_organization, an_owned_organization


class MembershipSuite:
    """Subclasses give the fixture `units`."""

    async def test_membership_versions_increase_even_when_a_member_leaves_and_returns(
        self, units: Units
    ) -> None:
        user, organization = a_user(), an_organization()
        async with units(Scope(organization_id=organization.id, user_id=user.id)) as unit:
            await unit.users.add(user, "prehash", COST)
            await unit.organizations.add(organization)
            wanted = Membership(uuid4(), user.id, organization.id, Role.OWNER, NOW, version=0)
            joined = await unit.memberships.add(wanted)
            assert not await unit.memberships.has_other_owner(organization.id, user.id)
            assert await unit.memberships.has_other_owner(organization.id, uuid4())
            lowered = await unit.memberships.change(replace(joined, role=Role.VIEWER))
            [renewed] = await unit.memberships.renew(user.id)
            left = await unit.memberships.remove(organization.id, user.id)
            again = await unit.memberships.add(replace(wanted, id=uuid4()))
            assert lowered is not None
            assert left is not None
            assert lowered.role is renewed.role is left.role is Role.VIEWER
            versions = [m.version for m in (joined, lowered, renewed, left, again)]
            assert versions == sorted(set(versions))
            assert await unit.memberships.active_of(user.id) == [again]
            rules = (await unit.organizations.rules_of(user.id)).get(organization.id, SignInRules())
            assert rules == SignInRules()
            strict = replace(organization, second_factor_required=True)
            await unit.organizations.update(strict)
            assert (await unit.organizations.rules_of(user.id))[organization.id] == strict.rules
            assert (await unit.memberships.list(organization.id, PageRequest())).items == [
                await unit.memberships.get(organization.id, user.id)
            ]
            assert await unit.memberships.remove(organization.id, uuid4()) is None
            assert await unit.memberships.change(replace(again, user_id=uuid4())) is None

    async def test_a_membership_that_is_not_active_gives_no_access(self, units: Units) -> None:
        user, organization = a_user(), an_organization()
        async with units(Scope(organization_id=organization.id, user_id=user.id)) as unit:
            joined = await an_owned_organization(unit, user, organization)
            taken = await unit.memberships.change(replace(joined, is_active=False))
            assert taken is not None
            assert (taken.is_active, taken.version > joined.version) == (False, True)
            assert await unit.memberships.active_of(user.id) == []
            assert (await unit.organizations.of_user(user.id, PageRequest())).items == []
            assert not await unit.memberships.has_other_owner(organization.id, uuid4())
            [member] = (await unit.memberships.list(organization.id, PageRequest())).items
            assert not member.is_active
            assert await unit.memberships.change(replace(taken, is_active=True)) is not None
            assert len(await unit.memberships.active_of(user.id)) == 1
