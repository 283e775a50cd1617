"""Guesses from everywhere at one account: slowed down, and its owner is told and gets in."""

from dataclasses import replace

import pytest

from services.auth.errors import TooManyAttempts
from services.auth.sessions.domain import Client, Grant
from services.auth.sign_in.domain import FREE_FAILURES_OF_ACCOUNT, MAX_WAIT
from tests.unit.auth.accounts_setting import EMAIL, HERE, PASSWORD, AccountsSetting, token_in
from tests.unit.auth.registration.test_service import recording

NEW_PASSWORD = "a different battery"
# One for each guess.
EVERYWHERE = [Client(f"198.51.{step // 250}.{step % 250}", "test") for step in range(500)]


@pytest.fixture
async def setting() -> AccountsSetting:
    setting = AccountsSetting()
    await setting.register()
    await setting.mail()
    return setting


async def guess(setting: AccountsSetting, email: str, clients: list[Client]) -> int:
    """One guess from each; returns how many were let through to be compared."""
    compared = 0
    for client in clients:
        try:
            await setting.sign_in.admit(setting.unit, email, client, None)
        except TooManyAttempts:
            continue
        compared += 1
    return compared


async def test_many_addresses_get_little_more_than_the_free_guesses(setting: AccountsSetting) -> None:
    assert await guess(setting, EMAIL, EVERYWHERE) == FREE_FAILURES_OF_ACCOUNT
    compared = 0
    for _ in range(24):
        setting.clock.advance(hours=1)
        compared += await guess(setting, EMAIL, EVERYWHERE[:2])
    assert compared <= 24 * 60 / (MAX_WAIT.total_seconds() / 60) + 10


async def test_the_owner_is_told_once_and_known_devices_do_not_wait(setting: AccountsSetting) -> None:
    mine = setting.devices.issue(EMAIL)
    await guess(setting, EMAIL, EVERYWHERE)
    [message] = await setting.mail()
    assert (message.recipient, message.kind) == (EMAIL, "guessed")
    assert setting.audited().count("user.guessing_noticed") == 1
    with pytest.raises(TooManyAttempts):
        await setting.sign_in.admit(setting.unit, EMAIL, HERE, None)
    await setting.sign_in.admit(setting.unit, EMAIL, HERE, mine)
    assert isinstance(await setting.sign_in.sign_in(setting.unit, EMAIL, PASSWORD, HERE, mine), Grant)


async def test_a_password_reset_lets_the_owner_in_from_a_new_device(setting: AccountsSetting) -> None:
    await guess(setting, EMAIL, EVERYWHERE)
    await setting.mail()
    await setting.recovery.request(setting.unit, EMAIL, HERE)
    [message] = await setting.mail()
    await setting.recovery.reset(setting.unit, token_in(message), NEW_PASSWORD, HERE)
    await setting.sign_in.admit(setting.unit, EMAIL, HERE, None)
    assert isinstance(await setting.sign_in.sign_in(setting.unit, EMAIL, NEW_PASSWORD, HERE, None), Grant)


async def test_guessing_at_nobody_costs_the_same_work_and_sends_nothing(setting: AccountsSetting) -> None:
    work, plain = [], setting.unit
    for email in (EMAIL, "nobody@example.org"):
        setting.unit, calls = recording(plain)
        assert await guess(setting, email, EVERYWHERE[:FREE_FAILURES_OF_ACCOUNT]) == FREE_FAILURES_OF_ACCOUNT
        work.append(calls)
    assert work[0] == work[1]
    assert [message.recipient for message in await setting.mail()] == [EMAIL]


async def test_a_closed_account_is_told_nothing(setting: AccountsSetting) -> None:
    [user] = setting.units.users.users.values()
    await setting.units.users.update(replace(user, is_active=False))
    await guess(setting, EMAIL, EVERYWHERE)
    assert await setting.mail() == []
