"""Everything that ends access tells the other services in the same transaction."""

from collections.abc import Awaitable, Callable, Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID, uuid4

import pytest

from services.auth.administration.service import AdministrationService
from services.auth.api_keys.service import ApiKeyService
from services.auth.database.unit import Unit
from services.auth.deletions.service import DeletionService
from services.auth.errors import (
    AccountClosed,
    AccountNotFound,
    AdministratorsOnly,
    LastOwner,
    OwnAccess,
    OwnersOnly,
    SignInTooOld,
    UnknownOrganization,
)
from services.auth.mail.messages import MessageWriter
from services.auth.members.domain import Membership
from services.auth.members.service import MemberService
from services.auth.second_factor.domain import Passkey, Totp
from services.auth.sessions.domain import LOST_RESPONSE_GRACE, Grant
from services.auth.sessions.methods import Method
from services.auth.sessions.recent import MAX_SIGN_IN_AGE
from services.auth.users.domain import User
from shared.access import Caller, Identity, Role
from shared.audit import Auditor
from shared.clock import time_ordered_id
from shared.crypto import Encryptor
from shared.erasure.requests import DeletionRequests
from shared.events.auth import ACCESS_ENDED, MEMBERSHIP_CHANGED, ORGANIZATION_CHANGED
from shared.http.pages import PageRequest
from tests.unit.auth.accounts_setting import EMAIL, HERE, KEYS, ORIGIN, PASSWORD, AccountsSetting
from tests.unit.auth.database.fakes.sessions import FakeSessions
from tests.unit.auth.database.fakes.users import FakeUsers

PAGE = PageRequest()
NEW_PASSWORD = "another long pass phrase"


class Scene(AccountsSetting):
    """An owner, who is signed in twice, and the only member of an organization."""

    def __init__(self) -> None:
        super().__init__()
        auditor = Auditor(self.clock)
        self.keys = ApiKeyService(self.clock, time_ordered_id, auditor)
        self.members = MemberService(self.clock, auditor)
        messages = MessageWriter(self.clock, time_ordered_id, Encryptor(KEYS), ORIGIN)
        self.administration = AdministrationService(self.clock, auditor, messages)
        requests = DeletionRequests(self.clock, time_ordered_id)
        self.deletions = DeletionService(self.clock, auditor, requests, None)  # type: ignore[arg-type]  # only asked about organizations

    async def prepare(self) -> None:
        self.user = await self.register()
        [self.organization] = self.units.organizations.organizations.values()
        self.first, self.second = [
            await self.sessions.start(self.unit, self.user, HERE, [Method.PASSWORD]) for _ in range(2)
        ]

    def identity(self, user: User | None = None, session_id: UUID | None = None) -> Identity:
        user = user or self.user
        return Identity(user.id, user.email, "", {}, session_id or self.first.session_id, "")

    def caller(self, user: User | None = None, role: Role = Role.OWNER) -> Caller:
        return Caller((user or self.user).id, "", "", self.organization.id, role, "")

    async def join(self, role: Role, email: str = "bob@example.org") -> User:
        user = replace(self.user, id=uuid4(), email=email)
        await self.units.users.add_without_password(user)
        await self.units.memberships.add(
            Membership(uuid4(), user.id, self.organization.id, role, self.clock.now(), version=0)
        )
        return user

    async def administrator(self) -> Identity:
        user = replace(self.user, id=uuid4(), email="root@example.org", role="admin")
        await self.units.users.add_without_password(user)
        signed_in = await self.sessions.start(self.unit, user, HERE, [Method.PASSWORD])
        return self.identity(user, signed_in.session_id)

    async def with_factors(self) -> User:
        """The owner, who has an authenticator app, a passkey and a recovery code."""
        factors, user_id, now = self.units.second_factors, self.user.id, self.clock.now()
        await factors.put_totp(Totp(user_id, "sealed", now, confirmed_at=now))
        await factors.add_passkey(Passkey(uuid4(), user_id, "Key", b"id", b"key", 0, (), now))
        await factors.replace_codes(user_id, ["hash"], now)
        return self.user

    def ended(self) -> set[UUID | None]:
        """The sessions and keys that the other services were told of."""
        return {each.session_id or each.api_key_id for each in self.units.outbox.payloads(ACCESS_ENDED)}

    def last_membership(self, user: User) -> tuple[bool, str]:
        told = [e for e in self.units.outbox.payloads(MEMBERSHIP_CHANGED) if e.user_id == user.id]
        return told[-1].is_active and not told[-1].deleted, told[-1].role


@pytest.fixture
async def scene() -> Scene:
    scene = Scene()
    await scene.prepare()
    return scene


def sessions(*grants: Grant) -> set[UUID]:
    return {grant.session_id for grant in grants}


@pytest.mark.parametrize(
    ("end", "ends"),
    [
        (lambda s: s.sessions.sign_out(s.unit, s.first.refresh_token), "first"),
        (lambda s: s.sessions.end(s.unit, s.user.id, s.first.session_id), "first"),
        (lambda s: s.sessions.end_others(s.unit, s.user.id, s.first.session_id), "second"),
        (
            lambda s: s.accounts.change_password(
                s.unit, s.identity(), PASSWORD, "a new long pass phrase", HERE
            ),
            "second",
        ),
        (lambda s: s.deletions.delete_account(s.unit, s.identity()), "both"),
    ],
    ids=["signed out", "ended", "others ended", "password changed", "account deleted"],
)
async def test_sessions_that_end_are_told(
    scene: Scene, end: Callable[[Scene], Awaitable[object]], ends: str
) -> None:
    if ends == "both":
        # Somebody else owns the organization, too.
        await scene.join(Role.OWNER)
    await end(scene)
    expected = {"first": sessions(scene.first), "second": sessions(scene.second)}
    assert scene.ended() == expected.get(ends, sessions(scene.first, scene.second))


async def test_a_stolen_token_ends_its_session_and_that_is_told(scene: Scene) -> None:
    await scene.sessions.refresh(scene.unit, scene.first.refresh_token, HERE)
    scene.clock.advance(seconds=LOST_RESPONSE_GRACE.total_seconds() + 1)
    await scene.sessions.refresh(scene.unit, scene.first.refresh_token, HERE)
    assert scene.ended() == sessions(scene.first)


async def test_a_deleted_key_is_told(scene: Scene) -> None:
    key, _ = await scene.keys.create(scene.unit, scene.caller(), "historian", Role.VIEWER, None)
    await scene.keys.delete(scene.unit, scene.caller(), key.id)
    assert scene.ended() == {key.id}


async def test_a_member_is_suspended_and_comes_back(scene: Scene) -> None:
    bob = await scene.join(Role.OPERATOR)
    changed = await scene.members.change(scene.unit, scene.caller(), bob.id, role=None, is_active=False)
    assert not changed.is_active
    assert scene.last_membership(bob) == (False, "operator")
    await scene.members.change(scene.unit, scene.caller(), bob.id, role=Role.VIEWER, is_active=True)
    assert scene.last_membership(bob) == (True, "viewer")
    assert scene.audited()[-3:] == ["member.deactivated", "member.role_changed", "member.activated"]
    told = len(scene.units.outbox.payloads(MEMBERSHIP_CHANGED))
    await scene.members.change(scene.unit, scene.caller(), bob.id, role=Role.VIEWER, is_active=None)
    assert len(scene.units.outbox.payloads(MEMBERSHIP_CHANGED)) == told, "nothing has changed"


async def test_the_last_owner_stays_and_only_owners_suspend_owners(scene: Scene) -> None:
    admin = await scene.join(Role.ADMIN)
    with pytest.raises(OwnersOnly):
        await scene.members.change(
            scene.unit, scene.caller(admin, Role.ADMIN), scene.user.id, role=None, is_active=False
        )
    with pytest.raises(OwnAccess):
        await scene.members.change(scene.unit, scene.caller(), scene.user.id, role=None, is_active=False)
    other = await scene.join(Role.OWNER, "eve@example.org")
    await scene.members.change(scene.unit, scene.caller(), other.id, role=None, is_active=False)
    with pytest.raises(LastOwner):
        await scene.members.change(
            scene.unit, scene.caller(other), scene.user.id, role=Role.VIEWER, is_active=None
        )


async def test_a_closed_account_has_no_sessions_and_no_rights(scene: Scene) -> None:
    root = await scene.administrator()
    closed = await scene.administration.set_account_active(scene.unit, root, scene.user.id, False)
    assert not closed.is_active
    assert scene.ended() == sessions(scene.first, scene.second)
    assert scene.last_membership(scene.user) == (False, "owner")
    with pytest.raises(AccountClosed):
        await scene.sessions.start(scene.unit, scene.user, HERE, [Method.PASSWORD])
    await scene.administration.set_account_active(scene.unit, root, scene.user.id, True)
    assert scene.last_membership(scene.user) == (True, "owner")
    assert scene.audited()[-2:] == ["user.closed", "user.opened"]
    assert [
        user.email for user in (await scene.administration.list(scene.unit, root, EMAIL, True, PAGE)).items
    ]


async def test_an_administrator_ends_anybodys_sessions(scene: Scene) -> None:
    root = await scene.administrator()
    await scene.administration.end_sessions(scene.unit, root, scene.user.id)
    assert scene.ended() == sessions(scene.first, scene.second)
    with pytest.raises(AccountNotFound):
        await scene.administration.end_sessions(scene.unit, root, uuid4())
    with pytest.raises(OwnAccess):
        await scene.administration.set_account_active(scene.unit, root, root.user_id, False)


async def test_an_administrator_helps_somebody_who_has_lost_all_second_factors(scene: Scene) -> None:
    root, user = await scene.administrator(), await scene.with_factors()
    await scene.mail()
    await scene.administration.remove_second_factors(scene.unit, root, user.id)
    left = await scene.unit.second_factors.of(user.id)
    assert (left.any, left.recovery_codes) == (False, 0)
    assert scene.ended() == sessions(scene.first, scene.second)
    assert scene.audited()[-1] == "user.second_factors_removed"
    [mail] = await scene.mail()
    assert (mail.recipient, mail.kind) == (user.email, "second-factors-removed")
    entries = len(scene.audited())
    await scene.administration.remove_second_factors(scene.unit, root, user.id)
    assert (await scene.mail(), len(scene.audited())) == ([], entries), "nothing was left to remove"
    with pytest.raises(AccountNotFound):
        await scene.administration.remove_second_factors(scene.unit, root, uuid4())


async def test_an_open_browser_of_an_administrator_removes_no_second_factors(scene: Scene) -> None:
    root, user = await scene.administrator(), await scene.with_factors()
    scene.clock.advance(seconds=MAX_SIGN_IN_AGE.total_seconds() + 1)
    with pytest.raises(SignInTooOld):
        await scene.administration.remove_second_factors(scene.unit, root, user.id)
    assert (await scene.unit.second_factors.of(user.id)).any


async def test_an_organization_is_deactivated_and_activated(scene: Scene) -> None:
    root = await scene.administrator()
    place = scene.organization.id
    for is_active in (False, True):
        found = await scene.administration.set_organization_active(scene.unit, root, place, is_active)
        assert found.is_active is is_active
        assert scene.units.outbox.payloads(ORGANIZATION_CHANGED)[-1].is_active is is_active
    with pytest.raises(UnknownOrganization):
        await scene.administration.set_organization_active(scene.unit, root, uuid4(), False)


async def test_nobody_else_administers(scene: Scene) -> None:
    """Neither the owner of an organization nor an administrator whose account is closed."""
    root = await scene.administrator()
    await scene.units.users.set_active(root.user_id, False, scene.clock.now())
    service, unit, user, place = scene.administration, scene.unit, scene.user.id, scene.organization.id
    for identity in (scene.identity(), root):
        for attempt in (
            service.list(unit, identity, None, None, PAGE),
            service.get(unit, identity, user),
            service.set_account_active(unit, identity, user, False),
            service.end_sessions(unit, identity, user),
            service.remove_second_factors(unit, identity, user),
            service.organization(unit, identity, place),
            service.set_organization_active(unit, identity, place, False),
        ):
            with pytest.raises(AdministratorsOnly):
                await attempt
    assert scene.ended() == set()


@pytest.mark.parametrize(
    "end",
    [
        lambda s, unit: s.sessions.sign_out(unit, s.first.refresh_token),
        lambda s, unit: s.sessions.end(unit, s.user.id, s.first.session_id),
        lambda s, unit: s.sessions.end_others(unit, s.user.id, s.second.session_id),
    ],
    ids=["signed out", "ended", "others ended"],
)
async def test_the_account_is_locked_before_its_sessions_end(
    scene: Scene, end: Callable[[Scene, Unit], Awaitable[object]]
) -> None:
    """Otherwise a refresh at the same moment adds a token that stays valid."""
    log: list[str] = []

    class Users(FakeUsers):
        async def lock(self, user_id: UUID) -> User | None:
            log.append("lock")
            return await super().lock(user_id)

    class Sessions(FakeSessions):
        async def revoke(self, family_id: UUID, now: datetime) -> None:
            log.append("revoke")
            await super().revoke(family_id, now)

        async def revoke_all(self, user_id: UUID, now: datetime, *, kept: UUID | None) -> Collection[UUID]:
            log.append("revoke")
            return await super().revoke_all(user_id, now, kept=kept)

    users, sessions = Users(scene.units.users.users), Sessions(scene.units.sessions.tokens)
    await end(scene, replace(scene.unit, users=users, sessions=sessions))
    assert log == ["lock", "revoke"]
