"""Which account a sign-in at the provider leads to."""

from uuid import uuid4

from services.auth.errors import ProviderAccountMismatch
from services.auth.oidc.domain import ProviderIdentity
from services.auth.sessions.domain import Grant
from services.auth.sign_in.errors import RegistrationClosed, RegistrationNeedsInvitation
from services.auth.sign_in.policy import Registration, SignInPolicy
from shared.events.auth import AUDIT_RECORDED
from tests.unit.auth.accounts_setting import HERE, AccountsSetting

ISSUER = "https://idp.example"


def named(email: str, subject: str | None = None) -> ProviderIdentity:
    return ProviderIdentity(ISSUER, subject or uuid4().hex, email, "Ada")


async def test_another_subject_with_a_linked_address_is_refused_and_the_owner_notified() -> None:
    setting = AccountsSetting()
    owner = named("ada@example.org")
    first = await setting.oidc.sign_in(setting.unit, owner, HERE)
    assert isinstance(first, Grant)
    setting.units.outbox.events.clear()

    refusal = await setting.oidc.sign_in(setting.unit, named(owner.email), HERE)

    assert isinstance(refusal, ProviderAccountMismatch)
    [entry] = setting.units.outbox.payloads(AUDIT_RECORDED)
    assert (entry.action, entry.user_id) == ("user.login_failed", first.user.id)
    assert entry.changes == {"method": "oidc", "reason": refusal.detail}
    [message] = await setting.mail()
    assert message.recipient == owner.email
    assert ISSUER in message.text
    # The owner can still sign in.
    again = await setting.oidc.sign_in(setting.unit, owner, HERE)
    assert isinstance(again, Grant)
    assert again.user.id == first.user.id


async def test_the_owner_is_notified_once_until_a_day_without_attempts() -> None:
    setting = AccountsSetting()
    await setting.oidc.sign_in(setting.unit, named("ada@example.org"), HERE)
    other = named("ada@example.org")
    for _ in range(3):
        await setting.oidc.sign_in(setting.unit, other, HERE)
    assert len(await setting.mail()) == 1
    setting.clock.advance(days=1, seconds=1)
    await setting.oidc.sign_in(setting.unit, other, HERE)
    assert len(await setting.mail()) == 1


async def test_a_first_sign_in_at_the_provider_is_a_registration() -> None:
    for registration, refusal in (
        (Registration.INVITED, RegistrationNeedsInvitation),
        (Registration.CLOSED, RegistrationClosed),
    ):
        setting = AccountsSetting()
        known = await setting.register("ada@example.org")
        await setting.verification.mark_verified(setting.unit, known)
        [place] = setting.units.organizations.organizations
        await setting.invite(known, place, "invited@example.org")
        setting.oidc = setting.oidc_with(SignInPolicy(registration=registration, issuer=ISSUER))
        refused = await setting.oidc.sign_in(setting.unit, named("stranger@example.org"), HERE)
        assert isinstance(refused, refusal)
        invited = await setting.oidc.sign_in(setting.unit, named("invited@example.org"), HERE)
        assert isinstance(invited, Grant) is (registration is Registration.INVITED)
        # Accounts that exist are no registrations.
        assert isinstance(await setting.oidc.sign_in(setting.unit, named("ada@example.org"), HERE), Grant)
