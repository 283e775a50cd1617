"""Valid and invalid responses of the provider: codes, ID tokens, keys, discovery documents."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
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
    """A client of one provider."""

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

    @asynccontextmanager
    async def demanding(self, acr: Sequence[str] = (), amr: Sequence[str] = ()) -> AsyncIterator["Ours"]:
        strict = Ours(self.theirs)
        strict.access = replace(self.access, required_acr=acr, required_amr=amr)
        strict.provider = Provider(strict.access, SystemClock())
        async with strict.provider.open():
            yield strict


@pytest.fixture
async def theirs() -> AsyncIterator[FakeProvider]:
    async with FakeProvider().serving() as provider:
        yield provider


@pytest.fixture
async def ours(theirs: FakeProvider) -> AsyncIterator[Ours]:
    made = Ours(theirs)
    async with made.provider.open():
        yield made


async def test_a_valid_code_identifies_the_user(ours: Ours) -> None:
    named = await ours.sign_in()
    assert named == ProviderIdentity(ours.theirs.url, "person-1", "ada@example.org", "Ada Engineer")
    assert CLIENT_SECRET not in repr(ours.access)


async def test_discovery_document_and_keys_are_cached(ours: Ours) -> None:
    for _ in range(3):
        await ours.sign_in()
    assert ours.theirs.asked.count("/.well-known/openid-configuration") == 1
    assert ours.theirs.asked.count("/jwks") == 1


async def test_the_client_secret_is_sent_in_the_body_if_the_provider_requires_it(ours: Ours) -> None:
    ours.theirs.auth_methods = ["client_secret_post"]
    assert (await ours.sign_in()).subject == "person-1"


async def test_a_code_can_be_used_once(ours: Ours) -> None:
    flow = Flow("state", "secret", SystemClock().now())
    place = await ours.provider.authorization_url(
        state=flow.state, nonce=flow.nonce, challenge=flow.challenge
    )
    code = ours.theirs.sign_in(place)["code"]
    await ours.provider.identify(code, flow.secret)
    with pytest.raises(ProviderRefused, match="rejected the code"):
        await ours.provider.identify(code, flow.secret)


async def test_a_stolen_code_is_useless_in_another_browser(ours: Ours) -> None:
    with pytest.raises(ProviderRefused, match="rejected the code"):
        await ours.sign_in(secret="of another browser")


@pytest.mark.parametrize(
    ("acr", "amr", "claims"),
    [
        (("phr",), (), {}),
        (("phr",), (), {"acr": "pwd"}),
        (("phr",), (), {"acr": ["phr"]}),
        ((), ("otp", "pwd"), {}),
        ((), ("otp", "pwd"), {"amr": ["pwd"]}),
        ((), ("otp",), {"amr": "otp"}),
        ((), ("otp",), {"amr": [["otp"]]}),
    ],
)
async def test_a_sign_in_that_is_weaker_than_the_operator_demands_is_refused(
    ours: Ours, acr: Sequence[str], amr: Sequence[str], claims: dict[str, Any]
) -> None:
    async with ours.demanding(acr, amr) as strict:
        with pytest.raises(ProviderRefused, match=r"\((acr|amr)\)"):
            await strict.sign_in(**claims)


async def test_a_sign_in_that_is_strong_enough_says_whether_it_had_several_factors(ours: Ours) -> None:
    async with ours.demanding(acr=("phr", "phrh")) as strict:
        url = await strict.provider.authorization_url(state="s", nonce="n", challenge="c")
        assert "acr_values=phr+phrh" in url
        assert (await strict.sign_in(acr="phrh")).is_multi_factor
    async with ours.demanding(amr=("pwd",)) as strict:
        assert not (await strict.sign_in(amr=["pwd", "x"])).is_multi_factor
        assert (await strict.sign_in(amr=["pwd", "mfa"])).is_multi_factor
    assert not (await ours.sign_in()).is_multi_factor


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
async def test_a_token_for_another_audience_or_time_is_refused(ours: Ours, claims: dict[str, Any]) -> None:
    now = int(time.time())
    timed = {n: now + value.seconds for n, value in claims.items() if isinstance(value, FromNow)}
    with pytest.raises(ProviderRefused):
        await ours.sign_in(**(claims | timed))


@pytest.mark.parametrize(
    "claims",
    [{"aud": [CLIENT_ID]}, {"aud": [CLIENT_ID, "x"], "azp": CLIENT_ID}, {"email_verified": "true"}],
    ids=str,
)
async def test_unusual_but_valid_claims_are_accepted(ours: Ours, claims: dict[str, Any]) -> None:
    assert (await ours.sign_in(**claims)).subject == "person-1"


def encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def unsigned(claims: dict[str, Any]) -> str:
    return ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "none"}, claims)) + "."


def signed_with_the_public_key(key: RSAKey | ECKey, claims: dict[str, Any]) -> str:
    # By hand, because the library refuses to sign it.
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
async def test_a_token_signed_with_the_public_key_is_refused(
    ours: Ours, kind: type[RSAKey] | type[ECKey]
) -> None:
    key = RSAKey.generate_key(2048, {"kid": "first"}) if kind is RSAKey else ECKey.generate_key("P-256")
    key.ensure_kid()
    ours.theirs.key = key
    assert (await ours.sign_in()).subject == "person-1"
    ours.theirs.make_token = lambda claims: signed_with_the_public_key(key, claims)
    with pytest.raises(ProviderRefused, match="ID token is not valid"):
        await ours.sign_in()


@pytest.mark.parametrize("kid", ["own", "first", "shared", "n"])
async def test_a_token_signed_with_an_unpublished_key_is_refused(ours: Ours, kid: str) -> None:
    ours.theirs.make_token = lambda claims: signed_with_a_key_of_ones_own(claims, kid=kid)
    with pytest.raises(ProviderRefused, match="ID token is not valid"):
        await ours.sign_in()


@pytest.mark.parametrize("token", [7, None, "", "a.b.c", "a.b.c.d.e"])
async def test_a_malformed_token_is_refused(ours: Ours, token: Any) -> None:
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
        # The keys are fetched again only after a while.
        with pytest.raises(ProviderRefused):
            await ours.sign_in()
        clock.advance(seconds=11)
        assert (await ours.sign_in()).subject == "person-1"


async def test_the_address_may_come_from_the_userinfo_endpoint(ours: Ours) -> None:
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


async def test_userinfo_cannot_verify_the_address_in_the_token(ours: Ours) -> None:
    ours.theirs.user_info = {"sub": "person-1", "email": "eva@example.org", "email_verified": True}
    with pytest.raises(ProviderRefused):
        await ours.sign_in(email_verified=False)


async def test_the_token_cannot_verify_the_address_in_userinfo(ours: Ours) -> None:
    ours.theirs.user_info = {"sub": "person-1", "email": "eve@example.org"}
    for said in ({}, {"email_verified": False}):
        ours.theirs.user_info |= said
        with pytest.raises(ProviderRefused, match="verified"):
            await ours.sign_in(email=None, email_verified=True)


async def test_a_name_is_reduced_to_one_printable_line(ours: Ours) -> None:
    assert (await ours.sign_in(name=" A\x00d\na\u202e ")).full_name == "Ada"
    assert (await ours.sign_in(name=None)).full_name == "ada"
    assert len((await ours.sign_in(name="A" * 1000)).full_name) == 255


async def test_a_provider_that_fails_is_unavailable(ours: Ours) -> None:
    ours.theirs.down = True
    with pytest.raises(ProviderUnavailable):
        await ours.sign_in()
    ours.theirs.down = False
    assert (await ours.sign_in()).subject == "person-1"


async def test_an_unreachable_provider_is_unavailable(ours: Ours) -> None:
    nobody = Provider(replace(ours.access, issuer="http://127.0.0.1:1"), SystemClock())
    async with nobody.open():
        with pytest.raises(ProviderUnavailable):
            await nobody.authorization_url(state="s", nonce="n", challenge="c")


async def test_a_discovery_document_of_another_issuer_is_not_accepted(ours: Ours) -> None:
    ours.theirs.issuer = "https://another.example"
    with pytest.raises(ProviderUnavailable, match="issuer in the discovery document"):
        await ours.sign_in()
