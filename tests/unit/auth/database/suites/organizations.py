"""What every implementation of the repository of organizations does."""

from dataclasses import replace
from uuid import uuid4

import pytest

from services.auth.database.unit import Units
from services.auth.errors import SlugTaken
from shared.access import Role, Scope
from tests.unit.auth.database.examples import (
    MINUTE,
    NOW,
    a_user,
    an_organization,
    an_owned_organization,
)


class OrganizationSuite:
    """Subclasses give the fixture `units`."""

    async def test_slugs_are_unique(self, units: Units) -> None:
        first, second = an_organization(), an_organization()
        for organization in (first, second):
            async with units(Scope(organization_id=organization.id)) as unit:
                assert await unit.organizations.add(organization)
        taken = replace(an_organization(), slug=first.slug)
        async with units(Scope(organization_id=taken.id)) as unit:
            assert not await unit.organizations.add(taken)
        with pytest.raises(SlugTaken):
            async with units(Scope(organization_id=second.id)) as unit:
                await unit.organizations.update(replace(second, slug=first.slug))
        async with units(Scope(organization_id=first.id)) as unit:
            changed = first.changed({"name": "Other"}, NOW + MINUTE)
            await unit.organizations.update(changed)
            assert (
                await unit.organizations.get(first.id) == await unit.organizations.lock(first.id) == changed
            )

    async def test_an_organization_is_owned_until_it_is_deleted(self, units: Units) -> None:
        user, organization = a_user(), an_organization()
        async with units(Scope(organization_id=organization.id, user_id=user.id)) as unit:
            joined = await an_owned_organization(unit, user, organization)
            assert await unit.organizations.owned_by(user.id) == [organization.id]
            assert await unit.organizations.owned_by(uuid4()) == []
            for changed in (replace(joined, role=Role.ADMIN), replace(joined, is_active=False)):
                await unit.memberships.change(changed)
                assert await unit.organizations.owned_by(user.id) == []
            await unit.memberships.change(joined)
            assert await unit.organizations.set_active(organization.id, False, NOW) is not None
            assert await unit.organizations.owned_by(user.id) == [organization.id]
            await unit.deletions.close_organization(organization.id, NOW)
            assert await unit.organizations.owned_by(user.id) == []
            assert await unit.organizations.set_active(organization.id, True, NOW) is None
