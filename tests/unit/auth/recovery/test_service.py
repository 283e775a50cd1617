"""Verification and recovery, without a server."""

from dataclasses import replace

import pytest

from services.auth.errors import EmailAlreadyVerified, InvalidLink, TooManyAttempts, WeakPassword
from services.auth.oidc.domain import ProviderIdentity
from services.auth.one_time_tokens.domain import Purpose
from services.auth.recovery.domain import MAX_RESETS, RESET_LIFETIME
from services.auth.sessions.domain import Client, Grant
from services.auth.sign_in.errors import ProviderAccount
from services.auth.sign_in.policy import SignInPolicy
from shared.access import Identity
from shared.events.auth import AUDIT_RECORDED
from tests.unit.auth.accounts_setting import EMAIL, HERE, PASSWORD, AccountsSetting, token_in

NEW_PASSWORD = "a different battery"


@pytest.fixture
async def setting() -> AccountsSetting:
    setting = AccountsSetting()
    await setting.register()
    return setting


async def reset_token(setting: AccountsSetting) -> str:
    await setting.mail()
    await setting.recovery.request(setting.unit, EMAIL, HERE)
    [message] = await setting.mail()
    assert message.subject == "Reset your DInsight password"
    return token_in(message)


async def test_a_link_expires(setting: AccountsSetting) -> None:
    [message] = await setting.mail()
    setting.clock.advance(days=3)
    with pytest.raises(InvalidLink):
        await setting.verification.verify(setting.unit, token_in(message))

    token = await reset_token(setting)
    setting.clock.advance(hours=1)
    with pytest.raises(InvalidLink):
        await setting.recovery.reset(setting.unit, token, NEW_PASSWORD, HERE)


async def test_a_closed_account_gets_no_link_and_cannot_use_one(setting: AccountsSetting) -> None:
    token = await reset_token(setting)
    [user] = setting.units.users.users.values()
    await setting.units.users.update(replace(user, is_active=False))
    await setting.recovery.request(setting.unit, EMAIL, HERE)
    assert await setting.mail() == []
    with pytest.raises(InvalidLink):
        await setting.recovery.reset(setting.unit, token, NEW_PASSWORD, HERE)


async def test_the_link_can_be_resent_after_a_pause_until_the_address_is_verified(
    setting: AccountsSetting,
) -> None:
    [user] = setting.units.users.users.values()
    identity = Identity(user.id, EMAIL, "Ada", {}, None, "token")
    [first] = await setting.mail()
    await setting.verification.resend(setting.unit, identity)
    assert await setting.mail() == []
    setting.clock.advance(minutes=2)
    await setting.verification.resend(setting.unit, identity)
    [second] = await setting.mail()
    await setting.verification.verify(setting.unit, token_in(first))
    with pytest.raises(InvalidLink):
        await setting.verification.verify(setting.unit, token_in(second))
    with pytest.raises(EmailAlreadyVerified):
        await setting.verification.resend(setting.unit, identity)


async def test_the_number_of_links_per_account_is_limited_over_all_client_addresses(
    setting: AccountsSetting,
) -> None:
    await setting.mail()
    for number in range(MAX_RESETS + 3):
        await setting.recovery.request(setting.unit, EMAIL, Client(f"192.0.2.{number}", "test"))
    assert len(await setting.mail()) == MAX_RESETS
    setting.clock.advance(hours=1)
    await setting.recovery.request(setting.unit, EMAIL, HERE)
    assert len(await setting.mail()) == 1


async def test_requests_for_unknown_addresses_are_throttled_like_those_for_known_ones(
    setting: AccountsSetting,
) -> None:
    await setting.mail()
    for email in (EMAIL, "nobody@example.org"):
        for _ in range(5):
            await setting.recovery.request(setting.unit, email, HERE)
        with pytest.raises(TooManyAttempts):
            await setting.recovery.request(setting.unit, email, HERE)
    assert {message.recipient for message in await setting.mail()} == {EMAIL}


async def test_reset_requests_do_not_delay_signing_in(setting: AccountsSetting) -> None:
    for _ in range(5):
        await setting.recovery.request(setting.unit, EMAIL, HERE)
    with pytest.raises(TooManyAttempts):
        await setting.recovery.request(setting.unit, EMAIL, HERE)
    await setting.sign_in.admit(setting.unit, EMAIL, HERE, None)


async def test_a_new_password_is_checked_set_and_reported(setting: AccountsSetting) -> None:
    token = await reset_token(setting)
    with pytest.raises(WeakPassword):
        await setting.recovery.reset(setting.unit, token, "plantplantplant", HERE)
    token = await reset_token(setting)
    await setting.recovery.reset(setting.unit, token, NEW_PASSWORD, HERE)
    [message] = await setting.mail()
    assert message.subject == "Your DInsight password was changed"
    assert NEW_PASSWORD not in message.text
    [user] = setting.units.users.users.values()
    assert user.email_verified
    assert setting.audited()[-2:] == ["user.email_verified", "user.password_reset"]


async def test_no_event_contains_a_token_or_a_password(setting: AccountsSetting) -> None:
    token = await reset_token(setting)
    await setting.recovery.reset(setting.unit, token, NEW_PASSWORD, HERE)
    events = "".join(payload.model_dump_json() for payload in setting.units.outbox.payloads(AUDIT_RECORDED))
    assert "user.password_reset" in events
    assert [secret for secret in (token, PASSWORD, NEW_PASSWORD) if secret in events] == []


async def test_an_account_of_the_provider_gets_no_link_but_is_told() -> None:
    """A link would let somebody in whom the provider has locked out."""
    issuer = "https://idp.example"
    setting = AccountsSetting(SignInPolicy(issuer=issuer))
    user = await setting.register()
    await setting.verification.mark_verified(setting.unit, user)
    before = await reset_token(setting)
    there = ProviderIdentity(issuer, "subject", EMAIL, "Ada")
    assert isinstance(await setting.oidc.sign_in(setting.unit, there, HERE), Grant)
    await setting.mail()
    with pytest.raises(InvalidLink):
        await setting.recovery.reset(setting.unit, before, NEW_PASSWORD, HERE)
    for _ in range(2):
        await setting.recovery.request(setting.unit, EMAIL, HERE)
    [message] = await setting.mail()
    assert (message.kind, issuer in message.text, "#token=" in message.text) == (
        "reset-at-provider",
        True,
        False,
    )
    # However a link came about.
    link = await setting.tokens.issue(setting.unit, user, Purpose.RESET_PASSWORD, RESET_LIFETIME)
    with pytest.raises(ProviderAccount):
        await setting.recovery.reset(setting.unit, link, NEW_PASSWORD, HERE)


async def test_an_account_of_a_provider_that_is_gone_may_have_a_password() -> None:
    setting = AccountsSetting(SignInPolicy(issuer="https://new.example"))
    there = ProviderIdentity("https://old.example", "subject", EMAIL, "Ada")
    assert isinstance(await setting.oidc.sign_in(setting.unit, there, HERE), Grant)
    await setting.recovery.reset(setting.unit, await reset_token(setting), NEW_PASSWORD, HERE)
