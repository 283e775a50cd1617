"""What every implementation of the repositories of mail, links and invitations does."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

from services.auth.domain import Client, Organization, User
from services.auth.domain_accounts import (
    Invitation,
    LetterStatus,
    OneTimeToken,
    Purpose,
    QueuedLetter,
    ResetRequest,
)
from services.auth.repository import Unit, Units
from shared.access import Role, Scope
from shared.http.pages import PageRequest
from tests.unit.auth.repository_suite import COST, MINUTE, NOW, a_user, an_organization

# Long before all letters and requests that a running service may have made.
LONG_AGO = NOW - timedelta(days=3650)


def a_letter() -> QueuedLetter:
    return QueuedLetter(uuid4(), "test", "key.sealed", 0, LONG_AGO + 60 * MINUTE, LONG_AGO)


def a_token(user: User, purpose: Purpose = Purpose.VERIFY_EMAIL) -> OneTimeToken:
    return OneTimeToken(uuid4(), user.id, purpose, uuid4().hex, NOW, NOW + MINUTE)


def an_invitation(organization: Organization, inviter: User) -> Invitation:
    return Invitation(
        id=uuid4(),
        organization_id=organization.id,
        email=f"{uuid4().hex}@example.org",
        role=Role.OPERATOR,
        token_hash=uuid4().hex,
        invited_by=inviter.id,
        created_at=NOW,
        expires_at=NOW + MINUTE,
    )


async def claimed(unit: Unit, letter: QueuedLetter, minutes: int) -> QueuedLetter | None:
    """The letter, when it is among those that are due then; leased for a minute."""
    now = LONG_AGO + minutes * MINUTE
    found = await unit.mail.claim(100, now, now + MINUTE)
    return next((one for one in found if one.id == letter.id), None)


class AccountsRepositorySuite:
    """Subclasses give the fixture `units`."""

    async def test_a_letter_is_leased_to_one_and_comes_back_when_its_lease_ends(self, units: Units) -> None:
        letter = a_letter()
        async with units(Scope()) as unit:
            await unit.mail.add(letter)
            first = await claimed(unit, letter, 0)
            assert first == replace(letter, lease_id=first.lease_id if first else None)
            assert await claimed(unit, letter, 0) is None
            second = await claimed(unit, letter, 1)
            assert first is not None
            assert second is not None
            assert second.lease_id not in (None, first.lease_id)
            assert not await unit.mail.finish(first, LetterStatus.SENT, None, LONG_AGO)
            assert not await unit.mail.finish(letter, LetterStatus.SENT, None, LONG_AGO)
            assert not await unit.mail.put_back(first, None, LONG_AGO)
            assert await unit.mail.finish(second, LetterStatus.SENT, None, LONG_AGO)
            assert await claimed(unit, letter, 30) is None
            await unit.mail.forget_finished(LONG_AGO + MINUTE)

    async def test_a_letter_that_failed_comes_again_later(self, units: Units) -> None:
        letter = a_letter()
        async with units(Scope()) as unit:
            await unit.mail.add(letter)
            first = await claimed(unit, letter, 0)
            assert first is not None
            assert await unit.mail.put_back(first, "TimeoutError", LONG_AGO + 10 * MINUTE)
            assert await claimed(unit, letter, 9) is None
            again = await claimed(unit, letter, 10)
            assert again is not None
            assert again.attempts == 1
            assert await unit.mail.finish(again, LetterStatus.GIVEN_UP, "TimeoutError", LONG_AGO)
            await unit.mail.forget_finished(LONG_AGO + MINUTE)

    async def test_a_one_time_token_works_once_for_its_purpose_and_in_its_time(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "prehash", COST)
            token, other = a_token(user), a_token(user)
            for one in (token, other):
                await unit.one_time.add(one)
            assert await unit.one_time.redeem(token.token_hash, Purpose.RESET_PASSWORD, NOW) is None
            assert await unit.one_time.redeem(token.token_hash, token.purpose, NOW + MINUTE) is None
            assert await unit.one_time.redeem(token.token_hash, token.purpose, NOW) == user.id
            assert await unit.one_time.redeem(token.token_hash, token.purpose, NOW) is None
            await unit.one_time.revoke(user.id, Purpose.RESET_PASSWORD)
            assert await unit.one_time.count_since(user.id, token.purpose, NOW - MINUTE) == 1
            assert await unit.one_time.count_since(user.id, token.purpose, NOW) == 0
            await unit.one_time.revoke(user.id, token.purpose)
            assert await unit.one_time.redeem(other.token_hash, other.purpose, NOW) is None

    async def test_expired_tokens_are_deleted(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "prehash", COST)
            old = replace(a_token(user), expires_at=LONG_AGO)
            kept = a_token(user)
            for one in (old, kept):
                await unit.one_time.add(one)
            await unit.one_time.delete_expired(LONG_AGO + MINUTE)
            assert await unit.one_time.count_since(user.id, old.purpose, NOW - MINUTE) == 1

    async def test_requests_are_taken_once_the_oldest_first(self, units: Units) -> None:
        client = Client("192.0.2.1", "test")
        made = [
            ResetRequest(uuid4(), "nobody@example.org", client, LONG_AGO + minute * MINUTE)
            for minute in (2, 0, 1)
        ]
        async with units(Scope()) as unit:
            for request in made:
                await unit.reset_requests.add(request)
            assert set(await unit.reset_requests.take(2)) == {made[1], made[2]}
            assert await unit.reset_requests.take(1) == [made[0]]

    async def test_an_invitation_replaces_the_one_before(self, units: Units) -> None:
        async with units(Scope()) as unit:
            first = await self._invited(unit)
            place, again = first.organization_id, replace(first, id=uuid4(), token_hash=uuid4().hex)
            await unit.invitations.add(replace(again, role=Role.ADMIN))
            assert await unit.invitations.get(place, first.id) is None
            found = await unit.invitations.of_email(place, first.email)
            assert found == await unit.invitations.get(place, again.id) == replace(again, role=Role.ADMIN)
            assert await unit.invitations.place(first.token_hash) is None
            assert await unit.invitations.of_token(first.token_hash) is None
            assert await unit.invitations.of_token(again.token_hash) == found
            await unit.act_as(Scope())
            assert await unit.invitations.place(again.token_hash) == place

    async def test_invitations_page_newest_first_and_end(self, units: Units) -> None:
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

    async def test_expired_invitations_of_all_organizations_are_deleted(self, units: Units) -> None:
        async with units(Scope()) as unit:
            kept = await self._invited(unit)
            old = replace(kept, id=uuid4(), email="old@example.org", token_hash=uuid4().hex)
            await unit.invitations.add(replace(old, expires_at=LONG_AGO))
            await unit.act_as(Scope())
            await unit.invitations.delete_expired(LONG_AGO + MINUTE)
            assert await unit.invitations.place(old.token_hash) is None
            assert await unit.invitations.place(kept.token_hash) == kept.organization_id

    async def test_what_happens_at_a_savepoint_can_be_undone(self, units: Units) -> None:
        async with units(Scope()) as unit:
            kept, undone = a_user(), a_user()
            async with unit.savepoint(False):
                await unit.users.add(kept, "prehash", COST)
            async with unit.savepoint(True):
                await unit.users.add(undone, "prehash", COST)
                assert await unit.users.get(undone.id) == undone
            assert await unit.users.get(kept.id) == kept
            assert await unit.users.get(undone.id) is None

    @staticmethod
    async def _invited(unit: Unit) -> Invitation:
        user, organization = a_user(), an_organization()
        await unit.act_as(Scope(organization_id=organization.id, user_id=user.id))
        await unit.users.add(user, "prehash", COST)
        await unit.organizations.add(organization)
        invitation = an_invitation(organization, user)
        await unit.invitations.add(invitation)
        return invitation
