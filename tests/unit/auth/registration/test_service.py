"""Registration, which hides which addresses are taken."""

from dataclasses import fields, replace
from typing import Any

import pytest

from services.auth.database.unit import Unit
from services.auth.errors import WeakPassword
from services.auth.sign_in.errors import (
    PasswordSignInDisabled,
    RegistrationClosed,
    RegistrationNeedsInvitation,
)
from services.auth.sign_in.policy import Registration, SignInPolicy
from services.auth.users.domain import User
from shared.events.auth import AUDIT_RECORDED, MEMBERSHIP_CHANGED, ORGANIZATION_CHANGED
from tests.unit.auth.accounts_setting import EMAIL, HERE, PASSWORD, AccountsSetting


class Recorder:
    """Forwards calls to a repository and records them."""

    def __init__(self, name: str, repository: object, calls: list[str]) -> None:
        self._name = name
        self._repository = repository
        self._calls = calls

    def __getattr__(self, method: str) -> Any:
        self._calls.append(f"{self._name}.{method}")
        return getattr(self._repository, method)


def recording(unit: Unit) -> tuple[Unit, list[str]]:
    calls: list[str] = []
    watched = {
        f.name: Recorder(f.name, getattr(unit, f.name), calls)
        for f in fields(unit)
        if f.name not in ("act_as", "savepoint")
    }
    return replace(unit, **watched), calls  # type: ignore[arg-type]


@pytest.mark.parametrize("organization", ["Plant", None])
async def test_registering_a_taken_address_costs_the_same_work_as_a_free_one(
    organization: str | None,
) -> None:
    setting = AccountsSetting()
    await setting.register()
    work = []
    for email in (EMAIL, "free@example.org"):
        unit, calls = recording(setting.unit)
        user, founded = await setting.registration.register(unit, email, PASSWORD, "Eve", organization)
        assert (user.email, user.full_name, user.email_verified) == (email, "Eve", False)
        assert (founded is None) == (organization is None)
        work.append(calls)
    assert work[0] == work[1]
    assert work[0].count("users.add") == 1, "each costs one bcrypt hash"


async def test_registering_a_taken_address_leaves_only_a_message_to_its_owner() -> None:
    setting = AccountsSetting()
    owner = await setting.register()
    await setting.mail()
    users, organizations = dict(setting.units.users.users), dict(setting.units.organizations.organizations)
    told = _told(setting)
    stand_in = await setting.register()
    assert stand_in.id != owner.id
    assert setting.units.users.users == users
    assert setting.units.organizations.organizations == organizations
    assert _told(setting) == told
    [message] = await setting.mail()
    assert (message.recipient, message.subject) == (EMAIL, "You already have a DInsight account")
    assert "#token=" not in message.text
    last = setting.units.outbox.payloads(AUDIT_RECORDED)[-1]
    assert (last.action, last.user_id) == ("user.registration_repeated", owner.id)


def _told(setting: AccountsSetting) -> tuple[int, int]:
    outbox = setting.units.outbox
    return len(outbox.payloads(ORGANIZATION_CHANGED)), len(outbox.payloads(MEMBERSHIP_CHANGED))


async def test_an_address_that_is_taken_concurrently_is_hidden_too() -> None:
    setting = AccountsSetting()
    found: list[User | None] = [None]

    class TooEarly(Recorder):
        """Sees no account the first time, like a transaction that started before the other one committed."""

        async def by_email(self, email: str) -> User | None:
            return found.pop() if found else await setting.units.users.by_email(email)

    await setting.register()
    await setting.mail()
    unit = replace(setting.unit, users=TooEarly("users", setting.units.users, []))
    user, _ = await setting.registration.register(unit, EMAIL, PASSWORD, "Eve", "Plant")
    assert user.email == EMAIL
    assert [message.subject for message in await setting.mail()] == ["You already have a DInsight account"]


async def test_registration_can_be_for_the_invited_only_or_closed() -> None:
    for registration, refusal in (
        (Registration.INVITED, RegistrationNeedsInvitation),
        (Registration.CLOSED, RegistrationClosed),
    ):
        setting = AccountsSetting(SignInPolicy(registration=registration))
        with pytest.raises(refusal):
            await setting.register()
        assert setting.units.users.users == {}


async def test_without_passwords_nobody_registers() -> None:
    setting = AccountsSetting(SignInPolicy(password_sign_in=False, issuer="https://idp.example"))
    with pytest.raises(PasswordSignInDisabled):
        await setting.register()
    with pytest.raises(PasswordSignInDisabled):
        await setting.registration.register_invited(setting.unit, EMAIL, PASSWORD, "Ada", "token")
    with pytest.raises(PasswordSignInDisabled):
        await setting.sign_in.admit(setting.unit, EMAIL, HERE, None)
    with pytest.raises(PasswordSignInDisabled):
        await setting.recovery.request(setting.unit, EMAIL, HERE)
    with pytest.raises(PasswordSignInDisabled):
        await setting.recovery.reset(setting.unit, "token", PASSWORD, HERE)


async def test_a_weak_password_is_refused_before_the_address_is_looked_up() -> None:
    setting = AccountsSetting()
    unit, calls = recording(setting.unit)
    with pytest.raises(WeakPassword):
        await setting.registration.register(unit, EMAIL, "ada ada ada!", "Ada", None)
    with pytest.raises(WeakPassword):
        await setting.registration.register(unit, EMAIL, "New Plant 2026", "Ada", "New Plant")
    assert calls == []
