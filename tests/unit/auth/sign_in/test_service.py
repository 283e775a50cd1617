"""Signing in, refreshing and throttling, without a server."""

import base64
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from services.auth.database.unit import Unit
from services.auth.errors import EmailNotVerified, SessionEnded, TooManyAttempts, WrongCredentials, unwrap
from services.auth.mail.messages import MessageWriter
from services.auth.organizations.secrets import SettingsEncryptor
from services.auth.organizations.service import OrganizationService
from services.auth.passwords.hashing import PasswordHasher
from services.auth.passwords.rules import PasswordRules
from services.auth.second_factor.entrance import Entrance
from services.auth.second_factor.passkeys import Passkeys
from services.auth.sessions.domain import Client, Grant
from services.auth.sessions.service import SessionService
from services.auth.sign_in.devices import Devices
from services.auth.sign_in.policy import SignInPolicy
from services.auth.sign_in.service import Reminder, SignInService
from services.auth.sign_in.throttle import Throttle
from services.auth.users.domain import PasswordCheck, User
from services.auth.users.service import AccountService
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import time_ordered_id
from shared.crypto import Encryptor
from shared.events.auth import AUDIT_RECORDED
from shared.retention import RetentionSettings
from tests.support.fakes import FakeClock
from tests.unit.auth.database.fakes.unit import FakeUnits
from tests.unit.auth.database.fakes.users import FakeUsers

EMAIL, PASSWORD = "ada@example.org", "correct horse battery"
HERE, ELSEWHERE = Client("192.0.2.1", "test"), Client("192.0.2.2", "test")
ENCRYPTOR = Encryptor("test:" + base64.b64encode(b"k" * 32).decode())
ORIGIN = "http://dinsight.example"
IDLE_TIMEOUT, MAX_LIFETIME = timedelta(days=30), timedelta(days=90)


class Reminded:
    """Records who would be sent a link."""

    def __init__(self) -> None:
        self.users: list[User] = []

    async def remind(self, _unit: Unit, user: User) -> None:
        self.users.append(user)


class Setting:
    def __init__(self) -> None:
        self.clock = FakeClock()
        self.units = FakeUnits()
        self.unit: Unit = self.units.unit()
        auditor = Auditor(self.clock)
        self.sessions = SessionService(
            self.clock, time_ordered_id, auditor, idle_timeout=IDLE_TIMEOUT, max_lifetime=MAX_LIFETIME
        )
        self.messages = MessageWriter(self.clock, time_ordered_id, ENCRYPTOR, ORIGIN)
        self.throttle = Throttle(self.clock, Devices("pepper", self.clock, time_ordered_id))
        self.entrance = Entrance(
            self.clock, auditor, ENCRYPTOR, Passkeys(ORIGIN), self.throttle, self.sessions, self.messages
        )
        self.sign_in = self.service(cost=4)
        self.accounts = AccountService(
            self.clock,
            time_ordered_id,
            auditor,
            PasswordHasher("pepper", 4),
            PasswordRules(()),
            self.throttle,
            OrganizationService(
                self.clock, time_ordered_id, auditor, SettingsEncryptor(ENCRYPTOR), RetentionSettings()
            ),
            self.messages,
            SignInPolicy(),
        )

    def service(self, cost: int, reminder: Reminder | None = None) -> SignInService:
        return SignInService(
            self.clock,
            Auditor(self.clock),
            PasswordHasher("pepper", cost),
            self.throttle,
            self.entrance,
            self.messages,
            SignInPolicy(),
            reminder,
        )

    async def login(self) -> Grant:
        return unwrap(await self.sign_in.sign_in(self.unit, EMAIL, PASSWORD, HERE, None))

    async def refresh(self, grant: Grant) -> Grant | SessionEnded:
        return await self.sessions.refresh(self.unit, grant.refresh_token, HERE)

    def audited(self) -> list[str]:
        return [payload.action for payload in self.units.outbox.payloads(AUDIT_RECORDED)]


@pytest.fixture
async def setting() -> Setting:
    setting = Setting()
    await setting.accounts.register(setting.unit, EMAIL, PASSWORD, "Ada", "Plant")
    return setting


async def test_a_grant_contains_user_session_and_memberships(setting: Setting) -> None:
    grant = await setting.login()
    assert grant.user.last_login == setting.clock.now()
    [membership] = grant.memberships
    assert membership.organization_id in setting.units.organizations.organizations
    # Memberships are read in the scope of the user, because of row-level security.
    assert setting.units.scopes[-1] == Scope(user_id=grant.user.id)
    assert grant.refresh_token not in repr(grant)


async def test_all_refusals_cost_the_same_work_and_are_audited(setting: Setting) -> None:
    wrong = await setting.sign_in.sign_in(setting.unit, EMAIL, "not the right one", HERE, None)
    unknown = await setting.sign_in.sign_in(setting.unit, "x@example.org", PASSWORD, HERE, None)
    [user] = setting.units.users.users.values()
    await setting.units.users.update(replace(user, is_active=False))
    closed = await setting.sign_in.sign_in(setting.unit, EMAIL, PASSWORD, HERE, None)
    refusals = [wrong, unknown, closed]
    assert all(isinstance(refusal, WrongCredentials) for refusal in refusals)
    assert len({refusal.detail for refusal in refusals if isinstance(refusal, WrongCredentials)}) == 1
    assert setting.units.users.wasted == 1
    failures = [e for e in setting.units.outbox.payloads(AUDIT_RECORDED) if e.action == "user.login_failed"]
    assert [failure.user_id for failure in failures] == [user.id, None, user.id]


async def test_hashes_are_upgraded_to_a_higher_cost_at_sign_in(setting: Setting) -> None:
    await setting.service(cost=6).sign_in(setting.unit, EMAIL, PASSWORD, HERE, None)
    [(_, cost)] = setting.units.users.passwords.values()
    assert cost == 6
    assert isinstance(await setting.service(cost=5).sign_in(setting.unit, EMAIL, PASSWORD, HERE, None), Grant)
    assert [cost for _, cost in setting.units.users.passwords.values()] == [6], "it is never lowered"


async def test_unverified_users_cannot_sign_in_if_verification_is_required(setting: Setting) -> None:
    reminder = Reminded()
    strict = setting.service(cost=4, reminder=reminder)
    for _ in range(6):
        await strict.admit(setting.unit, EMAIL, HERE, None)
        assert isinstance(await strict.sign_in(setting.unit, EMAIL, PASSWORD, HERE, None), EmailNotVerified)
    assert [user.email for user in reminder.users] == [EMAIL] * 6
    assert isinstance(
        await strict.sign_in(setting.unit, EMAIL, "not the right one", HERE, None), WrongCredentials
    )
    assert len(reminder.users) == 6, "a wrong password sends no mail"
    [user] = setting.units.users.users.values()
    await setting.units.users.update(replace(user, email_verified=True))
    assert isinstance(await strict.sign_in(setting.unit, EMAIL, PASSWORD, HERE, None), Grant)


async def test_an_idle_session_ends(setting: Setting) -> None:
    grant = await setting.login()
    setting.clock.time += IDLE_TIMEOUT - timedelta(seconds=1)
    grant = unwrap(await setting.refresh(grant))
    setting.clock.time += IDLE_TIMEOUT
    assert isinstance(await setting.refresh(grant), SessionEnded)


async def test_a_session_in_use_ends_after_its_maximum_lifetime(setting: Setting) -> None:
    grant = await setting.login()
    for _ in range(3):
        setting.clock.time += timedelta(days=29)
        grant = unwrap(await setting.refresh(grant))
    setting.clock.time += timedelta(days=3)
    assert isinstance(await setting.refresh(grant), SessionEnded)


async def test_reuse_of_a_token_ends_the_session(setting: Setting) -> None:
    first = await setting.login()
    second = unwrap(await setting.refresh(first))
    setting.clock.advance(seconds=11)
    assert isinstance(await setting.refresh(first), SessionEnded)
    assert isinstance(await setting.refresh(second), SessionEnded)
    assert setting.audited()[-1] == "session.reuse_detected"


async def test_a_repeated_token_gets_the_newest_of_its_family(setting: Setting) -> None:
    first = await setting.login()
    second = unwrap(await setting.refresh(first))
    setting.clock.advance(seconds=9)
    repeated = unwrap(await setting.refresh(first))
    assert (repeated.refresh_token, repeated.session_id) == (second.refresh_token, first.session_id)
    third = unwrap(await setting.refresh(second))
    assert unwrap(await setting.refresh(first)).refresh_token == third.refresh_token
    setting.clock.advance(seconds=11)
    assert isinstance(await setting.refresh(second), SessionEnded), "whoever presents it has intercepted it"
    assert isinstance(await setting.refresh(third), SessionEnded)


async def test_a_token_rotated_by_the_previous_version_uses_up_the_successor_that_it_does_not_know(
    setting: Setting,
) -> None:
    first = await setting.login()
    lost = unwrap(await setting.refresh(first))
    for token in list(setting.units.sessions.tokens.values()):
        setting.units.sessions.tokens[token.id] = replace(token, sealed_successor=None)
    kept = unwrap(await setting.refresh(first))
    assert kept.refresh_token != lost.refresh_token
    setting.clock.advance(seconds=11)
    assert isinstance(await setting.refresh(lost), SessionEnded)


async def test_a_closed_account_cannot_refresh(setting: Setting) -> None:
    grant = await setting.login()
    await setting.units.users.update(replace(grant.user, is_active=False))
    assert isinstance(await setting.refresh(grant), SessionEnded)


async def test_failures_delay_only_the_guesser_and_success_resets_them(setting: Setting) -> None:
    for _ in range(5):
        await setting.sign_in.admit(setting.unit, EMAIL, HERE, None)
    with pytest.raises(TooManyAttempts) as refused:
        await setting.sign_in.admit(setting.unit, EMAIL, HERE, None)
    assert refused.value.headers == {"Retry-After": "1"}
    await setting.sign_in.admit(setting.unit, EMAIL, ELSEWHERE, None)
    await setting.sign_in.admit(setting.unit, "other@example.org", HERE, None)

    setting.clock.advance(seconds=1)
    await setting.sign_in.admit(setting.unit, EMAIL, HERE, None)
    with pytest.raises(TooManyAttempts) as again:
        await setting.sign_in.admit(setting.unit, EMAIL, HERE, None)
    assert again.value.headers == {"Retry-After": "2"}
    await setting.login()
    await setting.sign_in.admit(setting.unit, EMAIL, HERE, None)


class ChangedMeanwhile(FakeUsers):
    """While the password is compared, another request replaces it."""

    async def check_password(self, user_id: UUID | None, prehash: str, cost: int) -> PasswordCheck:
        check = await super().check_password(user_id, prehash, cost)
        if user_id is not None and check.matches:
            later = self.users[user_id].updated_at + timedelta(seconds=1)
            await self.set_password(user_id, "another", cost, later)
        return check


async def test_a_password_that_is_replaced_while_it_is_compared_opens_nothing(setting: Setting) -> None:
    before = setting.units.users
    setting.units.users = ChangedMeanwhile(before.users, before.passwords)
    outcome = await setting.service(cost=6).sign_in(setting.units.unit(), EMAIL, PASSWORD, HERE, None)
    assert isinstance(outcome, WrongCredentials)
    assert setting.units.sessions.tokens == {}
    assert [kept for kept, _ in before.passwords.values()] == ["another"], "the old one does not come back"
