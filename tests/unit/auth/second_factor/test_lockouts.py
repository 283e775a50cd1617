"""Second factors let nobody in whose access has ended, and lock no owner out."""

from datetime import timedelta

import pytest

from services.auth.errors import EmailNotVerified, unwrap
from services.auth.oidc.domain import ProviderIdentity
from services.auth.one_time_tokens.domain import Purpose
from services.auth.second_factor.domain import MAX_FAILURES, Factors
from services.auth.second_factor.errors import (
    ChallengeEnded,
    SecondFactorNeeded,
)
from services.auth.sessions.domain import Grant
from services.auth.sessions.methods import Method
from shared.access import Identity
from tests.unit.auth.accounts_setting import EMAIL, HERE, PASSWORD, AccountsSetting
from tests.unit.auth.second_factor.setting import Setting


async def test_an_address_that_may_be_somebody_elses_gets_no_factor() -> None:
    setting = AccountsSetting()
    user = await setting.register()
    grant = unwrap(await setting.sign_in.sign_in(setting.unit, EMAIL, PASSWORD, HERE, None))
    assert isinstance(grant, Grant)
    identity = Identity(user.id, EMAIL, "Ada", {}, grant.session_id, "token")
    for begin in (setting.second_factors.begin_totp, setting.second_factors.begin_passkey):
        with pytest.raises(EmailNotVerified):
            await begin(setting.unit, identity)


async def test_a_challenge_ends_with_the_password_that_began_it(setting: Setting) -> None:
    """Whoever has the old password must not finish a sign-in that waits for its second step."""
    _, codes = await setting.with_app()
    needed = await setting.asked()
    link = await setting.tokens.issue(setting.unit, setting.user, Purpose.RESET_PASSWORD, timedelta(hours=1))
    await setting.recovery.reset(setting.unit, link, "another long pass phrase", HERE)
    assert isinstance(await setting.answer(needed, Method.RECOVERY_CODE, codes[0]), ChallengeEnded)


async def test_challenges_end_when_the_others_are_signed_out(setting: Setting) -> None:
    _, codes = await setting.with_app()
    needed = await setting.asked()
    await setting.sessions.end_others(setting.unit, setting.user.id, setting.grant.session_id)
    assert isinstance(await setting.answer(needed, Method.RECOVERY_CODE, codes[0]), ChallengeEnded)


async def test_the_owner_is_told_of_wrong_answers_once_until_a_day_without_them(setting: Setting) -> None:
    await setting.with_app()
    await setting.mail()

    async def fail() -> list[str]:
        needed = await setting.asked()
        for _ in range(MAX_FAILURES):
            await setting.answer(needed, Method.RECOVERY_CODE, "x")
        return [message.kind for message in await setting.mail()]

    assert await fail() == ["second-factor-failed"]
    assert await fail() == []
    setting.clock.advance(days=1, seconds=1)
    assert await fail() == ["second-factor-failed"]


async def test_linking_removes_second_factors_with_the_password(setting: Setting) -> None:
    """Whoever registered the address of somebody else may have added them."""
    await setting.with_app()
    await setting.with_passkey()
    there = ProviderIdentity("https://idp.example", "subject", EMAIL, "Ada")
    assert isinstance(await setting.oidc.sign_in(setting.unit, there, HERE), Grant)
    assert await setting.units.second_factors.of(setting.user.id) == Factors(None, [], 0)
    assert "user.second_factor_removed" in setting.audited()
    # What the owner adds from then on stays.
    grant = unwrap(await setting.oidc.sign_in(setting.unit, there, HERE))
    setting.grant = grant
    await setting.with_app()
    assert isinstance(await setting.oidc.sign_in(setting.unit, there, HERE), SecondFactorNeeded)
