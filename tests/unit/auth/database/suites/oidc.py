"""What every implementation of the repository of single sign-on does."""

from dataclasses import replace
from uuid import uuid4

from services.auth.database.unit import Units
from services.auth.oidc.domain import IdentityLink
from shared.access import Scope
from tests.unit.auth.database.examples import (
    COST,
    MINUTE,
    NOW,
    a_user,
)


class OidcSuite:
    """Subclasses give the fixture `units`."""

    async def test_a_flow_can_be_completed_once_in_its_browser_until_it_expires(self, units: Units) -> None:
        state, secret, late = uuid4().hex, uuid4().hex, uuid4().hex
        async with units(Scope()) as unit:
            await unit.oidc.begin(state, secret, NOW + MINUTE)
            await unit.oidc.begin(late, secret, NOW)
            assert not await unit.oidc.take(state, "another browser", NOW)
            assert not await unit.oidc.take("another state", secret, NOW)
            assert not await unit.oidc.take(late, secret, NOW)
            assert await unit.oidc.take(state, secret, NOW)
            assert not await unit.oidc.take(state, secret, NOW)
            await unit.oidc.delete_expired(NOW)
            assert not await unit.oidc.take(late, secret, NOW - MINUTE)

    async def test_an_identity_is_linked_to_one_account(self, units: Units) -> None:
        first, second, subject = a_user(), a_user(), uuid4().hex
        async with units(Scope()) as unit:
            assert await unit.users.add_without_password(first)
            assert not await unit.users.add_without_password(replace(second, email=first.email))
            assert await unit.users.add_without_password(second)
            for password in ("", "!"):
                assert not (await unit.users.check_password(first.id, password, COST)).matches
            assert await unit.oidc.user_of("https://idp.example", subject) is None
            for user in (first, second):
                await unit.oidc.link(IdentityLink("https://idp.example", subject, user.id, NOW))
            assert await unit.oidc.user_of("https://idp.example", subject) == first.id
            assert await unit.oidc.user_of("https://other.example", subject) is None
            assert await unit.oidc.subject_of("https://idp.example", first.id) == subject
            assert await unit.oidc.subject_of("https://other.example", first.id) is None
            assert await unit.oidc.subject_of("https://idp.example", second.id) is None
