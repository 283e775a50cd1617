"""What every implementation of the auth service's repositories does, in memory or in PostgreSQL."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.auth.domain import Membership, Organization, RefreshToken, SigningKey, User
from services.auth.domain_api_keys import ApiKey
from services.auth.domain_oidc import Link
from services.auth.errors import SlugTaken
from services.auth.repository import Units
from shared.access import Role, Scope
from shared.http.pages import PageRequest

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
COST = 4


def a_user() -> User:
    return User(uuid4(), f"{uuid4().hex}@example.org", "Ada", "user", True, False, None, NOW, NOW)


def an_organization() -> Organization:
    slug = f"plant-{uuid4().hex}"
    return Organization(uuid4(), "Plant", slug, None, None, {}, "free", True, NOW, NOW, 1)


def a_token(user: User, family_id: UUID | None = None, **changes: object) -> RefreshToken:
    token = RefreshToken(
        id=uuid4(),
        user_id=user.id,
        token_hash=uuid4().hex,
        family_id=family_id or uuid4(),
        signed_in_at=NOW,
        created_at=NOW,
        expires_at=NOW + timedelta(days=1),
        rotated_at=None,
        revoked_at=None,
        ip_address="192.0.2.1",
        user_agent="test",
    )
    return replace(token, **changes)  # type: ignore[arg-type]


class RepositorySuite:
    """Subclasses give the fixture `units`."""

    async def test_addresses_are_unique(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            assert await unit.users.add(user, "prehash", COST)
            assert not await unit.users.add(replace(a_user(), email=user.email), "prehash", COST)
            assert await unit.users.by_email(user.email) == user
            assert await unit.users.get(user.id) == await unit.users.lock(user.id) == user
            assert await unit.users.get(uuid4()) is None

    async def test_passwords_match_their_prehash_only(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "first", COST)
            first = await unit.users.check_password(user.id, "first", COST)
            assert (first.matches, first.cost) == (True, COST)
            await unit.users.set_password(user.id, "second", COST + 1, NOW)
            assert not (await unit.users.check_password(user.id, "first", COST)).matches
            second = await unit.users.check_password(user.id, "second", COST)
            assert (second.matches, second.cost) == (True, COST + 1)
            assert not (await unit.users.check_password(None, "first", COST)).matches

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

    async def test_membership_versions_rise_even_when_one_is_ended_and_begun_again(
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
            lowered = await unit.memberships.set_role(organization.id, user.id, Role.VIEWER)
            [renewed] = await unit.memberships.renew(user.id)
            left = await unit.memberships.remove(organization.id, user.id)
            again = await unit.memberships.add(replace(wanted, id=uuid4()))
            assert lowered is not None
            assert left is not None
            assert lowered.role is renewed.role is left.role is Role.VIEWER
            versions = [m.version for m in (joined, lowered, renewed, left, again)]
            assert versions == sorted(set(versions))
            assert await unit.memberships.active_of(user.id) == [again]
            assert (await unit.memberships.list(organization.id, PageRequest())).items == [
                await unit.memberships.get(organization.id, user.id)
            ]
            assert await unit.memberships.remove(organization.id, uuid4()) is None
            assert await unit.memberships.set_role(organization.id, uuid4(), Role.ADMIN) is None

    async def test_rotation_leaves_one_live_token_and_revocation_none(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "prehash", COST)
            first = a_token(user)
            await unit.sessions.add(first)
            assert await unit.sessions.find(first.token_hash) == first
            await unit.sessions.rotate(first.family_id, NOW + MINUTE)
            second = a_token(user, first.family_id)
            await unit.sessions.add(second)
            assert (await unit.sessions.live(user.id, NOW, PageRequest())).items == [second]
            rotated = await unit.sessions.find(first.token_hash)
            assert rotated == replace(first, rotated_at=NOW + MINUTE)
            await unit.sessions.revoke(first.family_id, NOW + MINUTE)
            assert (await unit.sessions.live(user.id, NOW, PageRequest())).items == []
            assert await unit.sessions.find("unknown") is None

    async def test_live_sessions_page_latest_first_and_end_all_but_one(self, units: Units) -> None:
        async with units(Scope()) as unit:
            user = a_user()
            await unit.users.add(user, "prehash", COST)
            tokens = [a_token(user, signed_in_at=NOW + step * MINUTE) for step in range(3)]
            for token in tokens:
                await unit.sessions.add(token)
            await unit.sessions.add(a_token(user, expires_at=NOW))
            page = await unit.sessions.live(user.id, NOW, PageRequest(limit=2))
            assert page.items == [tokens[2], tokens[1]]
            rest = await unit.sessions.live(user.id, NOW, PageRequest(limit=2, after=page.next_cursor))
            assert (rest.items, rest.next_cursor) == ([tokens[0]], None)
            one = await unit.sessions.live(user.id, NOW, PageRequest(), family_id=tokens[1].family_id)
            assert one.items == [tokens[1]]
            await unit.sessions.revoke_all(user.id, NOW, kept=tokens[1].family_id)
            assert (await unit.sessions.live(user.id, NOW, PageRequest())).items == [tokens[1]]
            await unit.sessions.revoke_all(user.id, NOW, kept=None)
            assert (await unit.sessions.live(user.id, NOW, PageRequest())).items == []
            await unit.sessions.delete_expired(NOW + timedelta(days=2))
            assert await unit.sessions.find(tokens[0].token_hash) is None

    async def test_attempts_count_wait_and_are_forgotten(self, units: Units) -> None:
        subject, long_ago = uuid4().hex, NOW - timedelta(days=1)
        async with units(Scope()) as unit:
            assert await unit.attempts.free_at(subject) is None
            assert [await unit.attempts.count(subject, NOW, long_ago) for _ in range(3)] == [1, 2, 3]
            await unit.attempts.delay(subject, NOW + MINUTE)
            assert await unit.attempts.count(subject, NOW, long_ago) is None
            assert await unit.attempts.free_at(subject) == NOW + MINUTE
            assert await unit.attempts.count(subject, NOW + MINUTE, long_ago) == 4
            later = NOW + timedelta(days=2)
            assert await unit.attempts.count(subject, later, later - timedelta(days=1)) == 1
            await unit.attempts.forget(subject)
            assert await unit.attempts.count(subject, NOW, long_ago) == 1
            await unit.attempts.forget_old(NOW + MINUTE)
            assert await unit.attempts.free_at(subject) is None

    async def test_api_keys_are_listed_found_by_their_secret_and_deleted(self, units: Units) -> None:
        user, organization = a_user(), an_organization()
        keys = [
            ApiKey(uuid4(), organization.id, "k", Role.VIEWER, user.id, NOW + step * MINUTE, None, None)
            for step in range(3)
        ]
        async with units(Scope(organization_id=organization.id)) as unit:
            await unit.users.add(user, "prehash", COST)
            await unit.organizations.add(organization)
            for key in keys:
                await unit.api_keys.add(key, f"hash of {key.id.hex}"[:64])
            page = await unit.api_keys.list(organization.id, PageRequest(limit=2))
            assert page.items == [keys[2], keys[1]]
            rest = await unit.api_keys.list(organization.id, PageRequest(limit=2, after=page.next_cursor))
            assert (rest.items, rest.next_cursor) == ([keys[0]], None)
            assert await unit.api_keys.delete(uuid4(), keys[0].id) is None
            assert await unit.api_keys.delete(organization.id, keys[0].id) == keys[0]
            assert await unit.api_keys.get(keys[0].id) is None
            assert await unit.api_keys.delete_of(organization.id, uuid4()) == []
        async with units(Scope()) as unit:
            # Without an organization the holder of the secret learns whose key it is, and nobody else.
            secret_hash = f"hash of {keys[1].id.hex}"[:64]
            assert await unit.api_keys.organization_of(keys[1].id, secret_hash) == organization.id
            assert await unit.api_keys.organization_of(keys[1].id, "another") is None
            assert await unit.api_keys.organization_of(keys[2].id, secret_hash) is None
            assert await unit.api_keys.organization_of(keys[0].id, f"hash of {keys[0].id.hex}"[:64]) is None

    async def test_a_keys_use_is_noted_now_and_then(self, units: Units) -> None:
        user, organization = a_user(), an_organization()
        key = ApiKey(uuid4(), organization.id, "k", Role.VIEWER, user.id, NOW, None, None)
        async with units(Scope(organization_id=organization.id)) as unit:
            await unit.users.add(user, "prehash", COST)
            await unit.organizations.add(organization)
            await unit.api_keys.add(key, "hash")
            seen = []
            for minute in (1, 3, 7):
                now = NOW + minute * MINUTE
                await unit.api_keys.used(key.id, now, now - 5 * MINUTE)
                found = await unit.api_keys.get(key.id)
                seen.append(found.last_used_at if found else None)
            assert seen == [NOW + MINUTE, NOW + MINUTE, NOW + 7 * MINUTE]
            [deleted] = await unit.api_keys.delete_of(organization.id, user.id)
            assert deleted.id == key.id
            assert await unit.api_keys.get(key.id) is None

    async def test_a_flow_works_once_in_its_browser_and_in_time(self, units: Units) -> None:
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

    async def test_whom_the_provider_names_has_one_account(self, units: Units) -> None:
        first, second, subject = a_user(), a_user(), uuid4().hex
        async with units(Scope()) as unit:
            assert await unit.users.add_without_password(first)
            assert not await unit.users.add_without_password(replace(second, email=first.email))
            assert await unit.users.add_without_password(second)
            for password in ("", "!"):
                assert not (await unit.users.check_password(first.id, password, COST)).matches
            assert await unit.oidc.user_of("https://idp.example", subject) is None
            for user in (first, second):
                await unit.oidc.link(Link("https://idp.example", subject, user.id, NOW))
            assert await unit.oidc.user_of("https://idp.example", subject) == first.id
            assert await unit.oidc.user_of("https://other.example", subject) is None

    async def test_keys_retire_when_a_successor_comes(self, units: Units) -> None:
        # Far in the past, and gone at the end: a running service's own keys stay out of it.
        start = datetime(2001, 1, 1, tzinfo=UTC)
        old = SigningKey(uuid4().hex, {"x": "1"}, "sealed", start, start, start + MINUTE)
        new = SigningKey(uuid4().hex, {"x": "2"}, "sealed", start, start + MINUTE, start + 9 * MINUTE)
        async with units(Scope()) as unit:
            await unit.keys.lock()
            await unit.keys.add(old)
            await unit.keys.add(new)
            mine = {old.id, new.id}
            assert [k for k in await unit.keys.usable(start) if k.id in mine] == [new, old]
            assert [k for k in await unit.keys.usable(start + MINUTE) if k.id in mine] == [new]
            await unit.keys.delete_retired(start + 10 * MINUTE)
            assert [k for k in await unit.keys.usable(start) if k.id in mine] == []
