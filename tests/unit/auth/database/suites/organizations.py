"""What every implementation of the repository of organizations does."""

from dataclasses import replace

import pytest

from services.auth.database.unit import Units
from services.auth.errors import SlugTaken
from shared.access import Scope
from tests.unit.auth.database.examples import (
    MINUTE,
    NOW,
    an_organization,
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
