"""The provider's word, right and wrong: codes, ID tokens, keys, descriptions."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from services.auth.errors import ProviderRefused, ProviderUnavailable
from services.auth.oidc.domain import Flow, ProviderIdentity
from services.auth.oidc.provider import Provider, ProviderAccess
from shared.clock import SystemClock
from tests.support.fakes import FakeClock
from tests.support.provider import CLIENT_ID, CLIENT_SECRET, FakeProvider

REDIRECT = "https://dinsight.example/api/v1/auth/oidc/callback"


class Ours:
    """The platform's side of one provider."""

    def __init__(self, theirs: FakeProvider) -> None:
        self.theirs = theirs
        self.access = ProviderAccess(theirs.url, CLIENT_ID, CLIENT_SECRET, REDIRECT)
        self.provider = Provider(self.access, SystemClock())

    async def sign_in(self, secret: str | None = None, **claims: Any) -> ProviderIdentity:
        flow = Flow("state", uuid4().hex, SystemClock().now())
        place = await self.provider.authorization_url(
            state=flow.state, nonce=flow.nonce, challenge=flow.challenge
        )
        came_back = self.theirs.sign_in(place, **claims)
        assert came_back["state"] == "state"
        return await self.provider.identify(came_back["code"], secret or flow.secret)


@pytest.fixture
async def theirs() -> AsyncIterator[FakeProvider]:
    async with FakeProvider().serving() as provider:
        yield provider


@pytest.fixture
async def ours(theirs: FakeProvider) -> AsyncIterator[Ours]:
    made = Ours(theirs)
    async with made.provider.open():
        yield made


async def test_a_person_is_named(ours: Ours) -> None:
    named = await ours.sign_in()
    assert named == ProviderIdentity(ours.theirs.url, "person-1", "ada@example.org", "Ada Engineer")
    assert CLIENT_SECRET not in repr(ours.access)


async def test_description_and_keys_are_fetched_once(ours: Ours) -> None:
    for _ in range(3):
        await ours.sign_in()
    assert ours.theirs.asked.count("/.well-known/openid-configuration") == 1
    assert ours.theirs.asked.count("/jwks") == 1


async def test_the_secret_goes_in_the_body_where_the_provider_wants_it_there(ours: Ours) -> None:
    ours.theirs.auth_methods = ["client_secret_post"]
    assert (await ours.sign_in()).subject == "person-1"


async def test_a_code_works_once(ours: Ours) -> None:
    flow = Flow("state", "secret", SystemClock().now())
    place = await ours.provider.authorization_url(
        state=flow.state, nonce=flow.nonce, challenge=flow.challenge
    )
    code = ours.theirs.sign_in(place)["code"]
    await ours.provider.identify(code, flow.secret)
    with pytest.raises(ProviderRefused, match="rejected the code"):
        await ours.provider.identify(code, flow.secret)


async def test_a_stolen_code_is_of_no_use_in_another_browser(ours: Ours) -> None:
    with pytest.raises(ProviderRefused, match="rejected the code"):
        await ours.sign_in(secret="of another browser")


HOUR = 3600


@dataclass(frozen=True)
class FromNow:
    """A time that is fixed when the token is made, not when the tests are collected."""

    seconds: int


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another flow"},
        {"nonce": None},
        {"aud": "another application"},
        {"aud": None},
        {"aud": []},
        {"aud": [CLIENT_ID, "another"]},
        {"aud": [CLIENT_ID, "another"], "azp": "another"},
        {"azp": "another"},
        {"iss": "https://another.example"},
        {"iss": None},
        {"exp": FromNow(-HOUR)},
        {"exp": None},
        {"exp": "soon"},
        {"iat": FromNow(HOUR)},
        {"iat": None},
        {"nbf": FromNow(HOUR)},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "s" * 256},
        {"email_verified": False},
        {"email_verified": None},
        {"email_verified": "false"},
        {"email_verified": 1.5},
        {"email": None},
        {"email": "nonsense"},
        {"email": ["ada@example.org"]},
    ],
    ids=str,
)
async def test_a_token_that_is_not_for_us_or_not_now_is_refused(ours: Ours, claims: dict[str, Any]) -> None:
    now = int(time.time())
    timed = {n: now + value.seconds for n, value in claims.items() if isinstance(value, FromNow)}
    with pytest.raises(ProviderRefused):
        await ours.sign_in(**(claims | timed))


@pytest.mark.parametrize(
    "claims",
    [{"aud": [CLIENT_ID]}, {"aud": [CLIENT_ID, "x"], "azp": CLIENT_ID}, {"email_verified": "true"}],
    ids=str,
)
async def test_other_right_forms_are_taken(ours: Ours, claims: dict[str, Any]) -> None:
    assert (await ours.sign_in(**claims)).subject == "person-1"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unsigned(claims: dict[str, Any]) -> str:
    return ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "none"}, claims)) + "."


def signed_with_the_public_key(key: RSAKey | ECKey, claims: dict[str, Any]) -> str:
    # By hand: the library refuses to.
    header = {"alg": "HS256", "kid": key.kid}
    text = ".".join(encoded(json.dumps(part).encode()) for part in (header, claims))
    return text + "." + encoded(hmac.digest(key.as_pem(private=False), text.encode(), hashlib.sha256))


def signed_with_a_key_of_ones_own(claims: dict[str, Any], *, kid: str | None = None) -> str:
    own = ECKey.generate_key("P-256", {"kid": kid or "own"})
    header = {"alg": "ES256", "kid": own.kid, "jwk": own.as_dict(private=False)}
    return jwt.encode(header, claims, own, algorithms=["ES256"])


async def test_an_unsigned_token_is_refused(ours: Ours) -> None:
    ours.theirs.make_token = unsigned
    with pytest.raises(ProviderRefused, match="ID token is not valid"):
        await ours.sign_in()


@pytest.mark.parametrize("kind", [RSAKey, ECKey])
async def test_the_public_key_does_not_sign(ours: Ours, kind: type[RSAKey] | type[ECKey]) -> None:
    key = RSAKey.generate_key(2048, {"kid": "first"}) if kind is RSAKey else ECKey.generate_key("P-256")
    key.ensure_kid()
    ours.theirs.key = key
    assert (await ours.sign_in()).subject == "person-1"
    ours.theirs.make_token = lambda claims: signed_with_the_public_key(key, claims)
    with pytest.raises(ProviderRefused, match="ID token is not valid"):
        await ours.sign_in()


@pytest.mark.parametrize("kid", ["own", "first", "shared", "n"])
async def test_a_key_that_the_provider_does_not_publish_does_not_sign(ours: Ours, kid: str) -> None:
    ours.theirs.make_token = lambda claims: signed_with_a_key_of_ones_own(claims, kid=kid)
    with pytest.raises(ProviderRefused, match="ID token is not valid"):
        await ours.sign_in()


@pytest.mark.parametrize("token", [7, None, "", "a.b.c", "a.b.c.d.e"])
async def test_what_is_no_token_is_refused(ours: Ours, token: Any) -> None:
    ours.theirs.make_token = lambda _claims: token
    with pytest.raises(ProviderRefused):
        await ours.sign_in()


async def test_a_new_key_of_the_provider_is_fetched(theirs: FakeProvider) -> None:
    ours = Ours(theirs)
    clock = FakeClock(SystemClock().now())
    ours.provider = Provider(ours.access, clock)
    async with ours.provider.open():
        await ours.sign_in()
        theirs.key = ECKey.generate_key("P-256", {"kid": "second"})
        # Not at everybody's word: only a while after the last time.
        with pytest.raises(ProviderRefused):
            await ours.sign_in()
        clock.advance(seconds=11)
        assert (await ours.sign_in()).subject == "person-1"


async def test_an_address_may_come_from_user_info(ours: Ours) -> None:
    ours.theirs.user_info = {
        "sub": "person-1",
        "email": "eva@example.org",
        "email_verified": True,
        "iss": "x",
    }
    named = await ours.sign_in(email=None, email_verified=None)
    assert named.email == "eva@example.org"
    ours.theirs.user_info["sub"] = "person-2"
    with pytest.raises(ProviderRefused, match="different account"):
        await ours.sign_in(email=None, email_verified=None)


async def test_user_info_does_not_verify_what_the_token_does_not(ours: Ours) -> None:
    ours.theirs.user_info = {"sub": "person-1", "email": "eva@example.org", "email_verified": True}
    with pytest.raises(ProviderRefused):
        await ours.sign_in(email_verified=False)


async def test_a_name_is_one_printable_line(ours: Ours) -> None:
    assert (await ours.sign_in(name=" A\x00d\na\u202e ")).full_name == "Ada"
    assert (await ours.sign_in(name=None)).full_name == "ada"
    assert len((await ours.sign_in(name="A" * 1000)).full_name) == 255


async def test_a_provider_that_is_down_is_no_refusal(ours: Ours) -> None:
    ours.theirs.down = True
    with pytest.raises(ProviderUnavailable):
        await ours.sign_in()
    ours.theirs.down = False
    assert (await ours.sign_in()).subject == "person-1"


async def test_nobody_there_is_no_refusal(ours: Ours) -> None:
    nobody = Provider(replace(ours.access, issuer="http://127.0.0.1:1"), SystemClock())
    async with nobody.open():
        with pytest.raises(ProviderUnavailable):
            await nobody.authorization_url(state="s", nonce="n", challenge="c")


async def test_a_description_of_another_issuer_is_not_believed(ours: Ours) -> None:
    ours.theirs.issuer = "https://another.example"
    with pytest.raises(ProviderUnavailable, match="issuer in the discovery document"):
        await ours.sign_in()
