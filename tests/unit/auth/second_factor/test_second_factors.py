"""Second factors: set up, asked for, and not usable twice."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest

from services.auth.errors import SignInTooOld, TooManyAttempts, unwrap
from services.auth.oidc.domain import ProviderIdentity
from services.auth.second_factor.domain import MAX_FAILURES, MAX_PASSKEYS
from services.auth.second_factor.errors import (
    ChallengeEnded,
    NoSecondFactor,
    PasskeyKnown,
    PasskeyNotFound,
    PasskeyRefused,
    SecondFactorNeeded,
    TooManyPasskeys,
    TotpExists,
    TotpNotFound,
    WrongCode,
    WrongSecondFactor,
)
from services.auth.sessions.domain import Client, Grant
from services.auth.sessions.methods import Method
from services.auth.sign_in.domain import FREE_FAILURES_OF_CODES
from tests.unit.auth.accounts_setting import EMAIL, HERE, ORIGIN
from tests.unit.auth.second_factor.authenticator import Authenticator
from tests.unit.auth.second_factor.setting import SITE, Setting


async def test_an_app_counts_once_it_is_confirmed(setting: Setting) -> None:
    other = await setting.password()
    await setting.second_factors.begin_totp(setting.unit, setting.identity)
    assert isinstance(await setting.password(), Grant), "an unconfirmed secret locks nobody out"
    with pytest.raises(WrongCode):
        await setting.second_factors.confirm_totp(setting.unit, setting.identity, "000000")
    app, codes = await setting.with_app()
    assert len(set(codes)) == 8
    assert setting.live() == {setting.grant.session_id}, "the others were signed in without it"
    assert isinstance(other, Grant)
    # This session has just proved it.
    assert Method.TOTP in next(iter(setting.units.sessions.tokens.values())).methods
    assert app.secret not in str(setting.units.second_factors.totp), "it is encrypted"
    assert "second factors" in (await setting.mail())[0].text
    with pytest.raises(TotpExists):
        await setting.second_factors.begin_totp(setting.unit, setting.identity)


async def test_a_code_finishes_the_sign_in_once(setting: Setting) -> None:
    app, _ = await setting.with_app()
    setting.clock.advance(seconds=30)
    needed = await setting.asked()
    assert (needed.status, needed.reason_code, needed.params) == (403, "second-factor-needed", {})
    assert needed.extra["methods"] == ["totp", "recovery-code"]
    assert needed.extra["passkey_options"] is None
    code = setting.code(app)
    grant = unwrap(await setting.answer(needed, Method.TOTP, code))
    [token] = [t for t in setting.units.sessions.tokens.values() if t.family_id == grant.session_id]
    assert token.methods == (Method.PASSWORD, Method.TOTP)
    assert isinstance(await setting.answer(needed, Method.TOTP, code), ChallengeEnded)
    assert isinstance(await setting.answer(await setting.asked(), Method.TOTP, code), WrongSecondFactor)
    # The clock of the phone may be half a minute fast.
    setting.clock.advance(seconds=60)
    early = app.at(setting.clock.now() + timedelta(seconds=30))
    assert isinstance(await setting.answer(await setting.asked(), Method.TOTP, early), Grant)
    assert isinstance(
        await setting.answer(await setting.asked(), Method.TOTP, setting.code(app)), WrongSecondFactor
    ), "nothing older than the last one"


async def test_a_recovery_code_works_once_and_is_reported(setting: Setting) -> None:
    _, codes = await setting.with_app()
    await setting.mail()
    typed = codes[0].upper().replace("-", " ")
    assert isinstance(await setting.answer(await setting.asked(), Method.RECOVERY_CODE, typed), Grant)
    assert [m.kind for m in await setting.mail()] == ["recovery-code-used"]
    again = await setting.answer(await setting.asked(), Method.RECOVERY_CODE, codes[0])
    assert isinstance(again, WrongSecondFactor)
    fresh = await setting.second_factors.renew_codes(setting.unit, setting.identity)
    assert setting.audited()[-1] == "user.recovery_codes_renewed"
    old = await setting.answer(await setting.asked(), Method.RECOVERY_CODE, codes[1])
    assert isinstance(old, WrongSecondFactor)
    assert isinstance(await setting.answer(await setting.asked(), Method.RECOVERY_CODE, fresh[0]), Grant)


async def test_a_passkey_signs_its_own_challenge_only(setting: Setting) -> None:
    key, codes = await setting.with_passkey()
    assert len(codes) == 8
    first, second = await setting.asked(), await setting.asked()
    assert first.extra["methods"] == ["passkey", "recovery-code"]
    signed = key.get(first.extra["passkey_options"])
    assert isinstance(await setting.answer(second, Method.PASSKEY, signed), WrongSecondFactor)
    assert isinstance(await setting.answer(first, Method.PASSKEY, signed), Grant)
    [passkey] = setting.units.second_factors.passkeys.values()
    assert (passkey.sign_count, passkey.last_used_at) == (1, setting.clock.now())
    assert passkey.transports == ["usb"], "words that WebAuthn does not know are dropped"
    # A copy of the key has an older counter.
    key.counter = 0
    copied = key.get(second.extra["passkey_options"])
    assert isinstance(await setting.answer(second, Method.PASSKEY, copied), WrongSecondFactor)


@pytest.mark.parametrize(
    ("origin", "site"),
    [("https://evil.example", SITE), (ORIGIN, "evil.example"), ("http://localhost", SITE)],
)
async def test_a_passkey_of_another_site_is_refused(setting: Setting, origin: str, site: str) -> None:
    """A page that looks like ours gets signatures for its own address."""
    foreign = Authenticator(origin, site)
    begun = await setting.second_factors.begin_passkey(setting.unit, setting.identity)
    with pytest.raises(PasskeyRefused):
        await setting.second_factors.add_passkey(
            setting.unit, setting.identity, begun.challenge, "Key", foreign.create(begun.options)
        )
    ours, _ = await setting.with_passkey()
    foreign.key, foreign.credential_id = ours.key, ours.credential_id
    needed = await setting.asked()
    signed = foreign.get(needed.extra["passkey_options"])
    assert isinstance(await setting.answer(needed, Method.PASSKEY, signed), WrongSecondFactor)


@pytest.mark.parametrize(
    "nonsense",
    [None, [], {}, {"id": 1}, {"id": "x", "response": None}, {"id": "x", "rawId": "x", "type": "public-key"}],
)
async def test_nonsense_is_a_wrong_answer_and_no_passkey(setting: Setting, nonsense: Any) -> None:
    await setting.with_passkey()
    needed = await setting.asked()
    known = needed.extra["passkey_options"]["allowCredentials"][0]["id"]
    for value in (nonsense, {**nonsense, "id": known} if isinstance(nonsense, dict) else known):
        assert isinstance(await setting.answer(needed, Method.PASSKEY, value), WrongSecondFactor)
    begun = await setting.second_factors.begin_passkey(setting.unit, setting.identity)
    with pytest.raises(PasskeyRefused):
        await setting.second_factors.add_passkey(
            setting.unit, setting.identity, begun.challenge, "Key", nonsense or {}
        )


async def test_passkeys_are_bounded_and_registered_once(setting: Setting) -> None:
    key, _ = await setting.with_passkey()
    begun = await setting.second_factors.begin_passkey(setting.unit, setting.identity)
    assert [each["id"] for each in begun.options["excludeCredentials"]], "the browser says so first"
    with pytest.raises(PasskeyKnown):
        await setting.second_factors.add_passkey(
            setting.unit, setting.identity, begun.challenge, "Again", key.create(begun.options)
        )
    for _ in range(MAX_PASSKEYS - 1):
        _, codes = await setting.with_passkey()
        assert codes == [], "only the first factor comes with codes"
    with pytest.raises(TooManyPasskeys):
        await setting.second_factors.begin_passkey(setting.unit, setting.identity)


async def test_wrong_answers_end_the_challenge_and_the_owner_is_told(setting: Setting) -> None:
    app, _ = await setting.with_app()
    await setting.mail()
    setting.clock.advance(seconds=30)
    needed = await setting.asked()
    for _ in range(MAX_FAILURES - 1):
        assert isinstance(await setting.answer(needed, Method.RECOVERY_CODE, "x"), WrongSecondFactor)
    assert isinstance(await setting.answer(needed, Method.RECOVERY_CODE, "x"), ChallengeEnded)
    assert isinstance(await setting.answer(needed, Method.TOTP, setting.code(app)), ChallengeEnded)
    assert [m.subject for m in await setting.mail()] == ["Somebody may know your DInsight password"]
    assert setting.audited().count("user.second_factor_failed") == MAX_FAILURES


async def test_codes_are_slowed_down_over_all_sign_ins_and_networks(setting: Setting) -> None:
    """Whoever has the password must not guess a million codes from a thousand addresses.

    Nor with device tokens, of which the password alone gave them any number before there was a factor.
    """
    early = [setting.devices.issue(EMAIL) for _ in range(FREE_FAILURES_OF_CODES + 1)]
    await setting.with_app()
    challenge = (await setting.asked()).extra["challenge"]

    async def guess(step: int, device: str | None = None) -> None:
        client = Client(f"192.0.2.{step}", "test")
        await setting.entrance.admit(setting.unit, challenge, Method.TOTP, client, device)

    for step in range(FREE_FAILURES_OF_CODES):
        await guess(step, early[step])
    for device in (None, early[-1]):
        with pytest.raises(TooManyAttempts):
            await guess(200, device)
    await guess(201, setting.devices.issue(EMAIL, factor=True))


async def test_a_challenge_ends_with_time(setting: Setting) -> None:
    _, codes = await setting.with_app()
    needed = await setting.asked()
    setting.clock.advance(minutes=10)
    assert isinstance(await setting.answer(needed, Method.RECOVERY_CODE, codes[0]), ChallengeEnded)


async def test_without_the_last_factor_a_password_is_enough_again(setting: Setting) -> None:
    await setting.with_app()
    await setting.with_passkey()
    [passkey] = setting.units.second_factors.passkeys
    with pytest.raises(PasskeyNotFound):
        await setting.second_factors.remove_passkey(setting.unit, setting.identity, uuid4())
    await setting.second_factors.remove_passkey(setting.unit, setting.identity, passkey)
    assert isinstance(await setting.password(), SecondFactorNeeded)
    await setting.second_factors.remove_totp(setting.unit, setting.identity)
    added, removed = "user.second_factor_added", "user.second_factor_removed"
    assert [a for a in setting.audited() if a in (added, removed)] == [added, added, removed, removed]
    assert setting.units.second_factors.codes == {}, "codes of factors that are gone open nothing"
    assert isinstance(await setting.password(), Grant)
    with pytest.raises(TotpNotFound):
        await setting.second_factors.remove_totp(setting.unit, setting.identity)
    with pytest.raises(NoSecondFactor):
        await setting.second_factors.renew_codes(setting.unit, setting.identity)


async def test_changes_need_a_recent_sign_in(setting: Setting) -> None:
    setting.clock.advance(minutes=16)
    service, place = setting.second_factors, (setting.unit, setting.identity)
    for change in (
        service.begin_totp(*place),
        service.confirm_totp(*place, "123456"),
        service.remove_totp(*place),
        service.begin_passkey(*place),
        service.remove_passkey(*place, uuid4()),
        service.renew_codes(*place),
    ):
        with pytest.raises(SignInTooOld):
            await change


async def test_the_provider_is_asked_for_a_second_factor_unless_it_had_several(setting: Setting) -> None:
    there = ProviderIdentity("https://idp.example", "subject", "new@example.org", "New")
    first = unwrap(await setting.oidc.sign_in(setting.unit, there, HERE))
    setting.user, setting.grant = first.user, first
    await setting.with_app()
    assert isinstance(await setting.oidc.sign_in(setting.unit, there, HERE), SecondFactorNeeded)
    strong = ProviderIdentity(there.issuer, there.subject, there.email, "New", is_multi_factor=True)
    assert isinstance(await setting.oidc.sign_in(setting.unit, strong, HERE), Grant)


async def test_a_sign_in_does_not_answer_for_making_a_passkey(setting: Setting) -> None:
    key, _ = await setting.with_passkey()
    needed = await setting.asked()
    with pytest.raises(PasskeyRefused):
        await setting.second_factors.add_passkey(
            setting.unit,
            setting.identity,
            needed.extra["challenge"],
            "Key",
            key.create(needed.extra["passkey_options"]),
        )
