"""Access tokens: valid ones are accepted, and everything else is rejected."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
from typing import Any
from uuid import UUID, uuid4

import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey, OKPKey

from shared.access import Identity, Role
from shared.errors import BadRequest, Forbidden, Unauthenticated, Unavailable
from shared.tokens import (
    ALGORITHM,
    AUDIENCE,
    CLOCK_LEEWAY_SECONDS,
    ISSUER,
    KEYS_FRESH_SECONDS,
    KEYS_RETRY_SECONDS,
    TOKEN_TYPE,
    TokenVerifier,
)

ORGANIZATION = UUID(int=1)


def make_key(kid: str) -> OKPKey:
    return OKPKey.generate_key("Ed25519", parameters={"kid": kid, "use": "sig", "alg": ALGORITHM})


class Keys:
    """The keys that auth publishes, and the number of requests for them."""

    def __init__(self, *keys: OKPKey) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.away = False
        self.hanging, self.answers = False, asyncio.Event()

    async def __call__(self) -> dict[str, Any]:
        self.asked += 1
        await asyncio.sleep(0)
        if self.hanging:
            await self.answers.wait()
        if self.away:
            raise OSError("auth is away")
        return dict(KeySet(list(self.keys)).as_dict(private=False))


class Time:
    def __init__(self) -> None:
        self.now = float(int(time.time()))

    def __call__(self) -> float:
        return self.now


def claims(now: float, **changes: Any) -> dict[str, Any]:
    all_claims = {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": str(uuid4()),
        "sid": str(uuid4()),
        "email": "ada@example.org",
        "name": "Ada",
        "memberships": [{"organization_id": str(ORGANIZATION), "role": "admin"}],
        "iat": int(now),
        "exp": int(now) + 900,
    } | changes
    return {name: value for name, value in all_claims.items() if value is not ...}


def sign(key: Any, payload: dict[str, Any], **header: Any) -> str:
    wanted = {"alg": ALGORITHM, "kid": "one", "typ": TOKEN_TYPE} | header
    chosen = {name: value for name, value in wanted.items() if value is not ...}
    return jwt.encode(chosen, payload, key, algorithms=[chosen["alg"]])


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def key() -> OKPKey:
    return make_key("one")


@pytest.fixture
def keys(key: OKPKey) -> Keys:
    return Keys(key)


@pytest.fixture
def verifier(keys: Keys, clock: Time) -> TokenVerifier:
    return TokenVerifier(keys, now=clock)


async def test_a_valid_token_identifies_the_caller(verifier: TokenVerifier, key: OKPKey, clock: Time) -> None:
    payload = claims(clock.now)
    identity = await verifier.verify(sign(key, payload))
    assert identity.user_id == UUID(payload["sub"])
    assert identity.session_id == UUID(payload["sid"])
    assert identity.memberships == {ORGANIZATION: Role.ADMIN}
    assert identity.expires_at == payload["exp"]
    assert identity.in_organization(None).role is Role.ADMIN


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": 1},
        {"exp": ...},
        {"iss": "someone"},
        {"iss": ...},
        {"aud": "another-api"},
        {"aud": ...},
        {"sub": "no uuid"},
        {"sub": ...},
        {"iat": ...},
        {"iat": 2**40},
        {"nbf": 2**40},
        {"memberships": ...},
        {"memberships": [{"organization_id": str(ORGANIZATION), "role": "emperor"}]},
        {"memberships": "all"},
        {"email": ...},
        {"sid": 7},
    ],
    ids=str,
)
async def test_wrong_claims_are_refused(
    verifier: TokenVerifier, key: OKPKey, clock: Time, changes: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(sign(key, claims(clock.now, **changes)))


@pytest.mark.parametrize("header", [{"typ": ...}, {"typ": "JWT"}, {"typ": "at+jwt2"}], ids=str)
async def test_another_kind_of_token_is_refused(
    verifier: TokenVerifier, key: OKPKey, clock: Time, header: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(sign(key, claims(clock.now), **header))


async def test_a_token_expires_after_the_leeway(verifier: TokenVerifier, key: OKPKey, clock: Time) -> None:
    token = sign(key, claims(clock.now))
    clock.now += 900 + CLOCK_LEEWAY_SECONDS - 1
    await verifier.verify(token)
    clock.now += 2
    with pytest.raises(Unauthenticated):
        await verifier.verify(token)


@pytest.mark.parametrize("alg", ["none", "None", "NONE", ""])
async def test_an_unsigned_token_is_refused(verifier: TokenVerifier, clock: Time, alg: str) -> None:
    header = {"alg": alg, "kid": "one", "typ": TOKEN_TYPE}
    for signature in ("", "AAAA"):
        with pytest.raises(Unauthenticated):
            await verifier.verify(f"{part(header)}.{part(claims(clock.now))}.{signature}")


async def test_the_public_key_is_no_shared_secret(verifier: TokenVerifier, key: OKPKey, clock: Time) -> None:
    """HS256 with the public key as the secret."""
    header = part({"alg": "HS256", "kid": "one", "typ": TOKEN_TYPE})
    signed = f"{header}.{part(claims(clock.now))}"
    public = key.as_dict(private=False)
    raw = base64.urlsafe_b64decode(str(public["x"]) + "==")
    for secret in (raw, str(public["x"]).encode(), key.as_pem(private=False), json.dumps(public).encode()):
        mac = hmac.new(secret, signed.encode(), hashlib.sha256).digest()
        signature = base64.urlsafe_b64encode(mac).decode().rstrip("=")
        with pytest.raises(Unauthenticated):
            await verifier.verify(f"{signed}.{signature}")


async def test_a_key_inside_the_token_is_not_believed(verifier: TokenVerifier, clock: Time) -> None:
    mine = make_key("one")
    public = mine.as_dict(private=False)
    for header in ({"jwk": public}, {"jku": "http://example.org/jwks.json"}, {"kid": "../one"}, {"kid": ...}):
        with pytest.raises(Unauthenticated):
            await verifier.verify(sign(mine, claims(clock.now), **header))


async def test_another_key_under_the_same_id_is_refused(verifier: TokenVerifier, clock: Time) -> None:
    with pytest.raises(Unauthenticated):
        await verifier.verify(sign(make_key("one"), claims(clock.now)))


async def test_a_changed_token_is_refused(verifier: TokenVerifier, key: OKPKey, clock: Time) -> None:
    header, _, signature = sign(key, claims(clock.now)).split(".")
    payload = claims(clock.now, memberships=[{"organization_id": str(uuid4()), "role": "owner"}])
    with pytest.raises(Unauthenticated):
        await verifier.verify(f"{header}.{part(payload)}.{signature}")


@pytest.mark.parametrize("token", ["", ".", "..", "a.b.c", "ü.ü.ü", "e30.e30.e30", "x" * 10_000, "\x00"])
async def test_garbage_is_refused(verifier: TokenVerifier, token: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        await verifier.verify(token)
    assert refused.value.headers["WWW-Authenticate"].startswith("Bearer")


async def test_a_symmetric_key_among_the_published_ones_signs_nothing(clock: Time) -> None:
    secret = OctKey.generate_key(256, parameters={"kid": "one"})

    async def published() -> dict[str, Any]:
        return {"keys": [secret.as_dict(private=True)]}

    token = jwt.encode({"alg": "HS256", "kid": "one", "typ": TOKEN_TYPE}, claims(clock.now), secret)
    with pytest.raises(Unauthenticated):
        await TokenVerifier(published, now=clock).verify(token)


async def test_a_new_key_is_fetched_but_not_for_every_invented_one(
    verifier: TokenVerifier, keys: Keys, key: OKPKey, clock: Time
) -> None:
    await verifier.verify(sign(key, claims(clock.now)))
    new = make_key("two")
    keys.keys.append(new)
    for _ in range(20):
        with pytest.raises(Unauthenticated):
            await verifier.verify(sign(make_key("invented"), claims(clock.now), kid="invented"))
    assert keys.asked == 1
    clock.now += KEYS_RETRY_SECONDS + 1
    await verifier.verify(sign(new, claims(clock.now), kid="two"))
    assert keys.asked == 2


async def test_a_withdrawn_key_is_forgotten(
    verifier: TokenVerifier, keys: Keys, key: OKPKey, clock: Time
) -> None:
    await verifier.verify(sign(key, claims(clock.now)))
    keys.keys = [make_key("two")]
    clock.now += KEYS_FRESH_SECONDS + 1
    with pytest.raises(Unauthenticated):
        await verifier.verify(sign(key, claims(clock.now)))


async def test_old_keys_serve_while_auth_is_away(
    verifier: TokenVerifier, keys: Keys, key: OKPKey, clock: Time
) -> None:
    await verifier.verify(sign(key, claims(clock.now)))
    keys.away = True
    clock.now += KEYS_FRESH_SECONDS + 1
    for _ in range(2):
        await verifier.verify(sign(key, claims(clock.now)))
    assert keys.asked == 2, "one failed, and the next must wait for its time"
    clock.now += KEYS_RETRY_SECONDS + 1
    await verifier.verify(sign(key, claims(clock.now)))
    assert keys.asked == 3


async def test_while_auth_hangs_one_request_waits_and_the_others_use_old_keys(
    verifier: TokenVerifier, keys: Keys, key: OKPKey, clock: Time
) -> None:
    await verifier.verify(sign(key, claims(clock.now)))
    keys.hanging = keys.away = True
    clock.now += KEYS_FRESH_SECONDS + 1
    waiting = asyncio.create_task(verifier.verify(sign(key, claims(clock.now))))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        await verifier.verify(sign(key, claims(clock.now)))
        keys.answers.set()
        await waiting
    assert keys.asked == 2


async def test_requests_at_the_same_time_share_a_fetch(
    verifier: TokenVerifier, keys: Keys, key: OKPKey, clock: Time
) -> None:
    await verifier.verify(sign(key, claims(clock.now)))
    new = make_key("two")
    keys.keys.append(new)
    clock.now += KEYS_RETRY_SECONDS + 1
    invented = sign(make_key("invented"), claims(clock.now), kid="invented")
    forged = (verifier.verify(invented) for _ in range(10))
    *refused, accepted = await asyncio.gather(
        *forged, verifier.verify(sign(new, claims(clock.now), kid="two")), return_exceptions=True
    )
    assert {type(each) for each in refused} == {Unauthenticated}
    assert isinstance(accepted, Identity)
    assert keys.asked == 2


async def test_without_any_key_a_token_is_refused_temporarily(keys: Keys, key: OKPKey, clock: Time) -> None:
    keys.away = True
    verifier = TokenVerifier(keys, now=clock)
    refused = await asyncio.gather(*(verifier.verify("a.b.c") for _ in range(10)), return_exceptions=True)
    assert {type(each) for each in refused} == {Unavailable}
    assert keys.asked == 1, "they do not wait for a fetch each"
    keys.away = False
    await verifier.verify(sign(key, claims(clock.now)))


async def test_a_request_that_ends_early_leaves_the_fetch_to_the_others(
    keys: Keys, key: OKPKey, clock: Time
) -> None:
    keys.hanging = True
    verifier = TokenVerifier(keys, now=clock)
    first, second = (asyncio.create_task(verifier.verify(sign(key, claims(clock.now)))) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    keys.answers.set()
    assert isinstance(await second, Identity)
    assert keys.asked == 1


async def test_the_organization_must_be_ones_own(verifier: TokenVerifier, key: OKPKey, clock: Time) -> None:
    identity = await verifier.verify(sign(key, claims(clock.now)))
    assert identity.in_organization(ORGANIZATION).organization_id == ORGANIZATION
    with pytest.raises(Forbidden):
        identity.in_organization(uuid4())


@pytest.mark.parametrize(("count", "said"), [(0, "no organization"), (2, "several organizations")])
async def test_without_a_choice_the_organization_must_be_named(
    verifier: TokenVerifier, key: OKPKey, clock: Time, count: int, said: str
) -> None:
    memberships = [{"organization_id": str(uuid4()), "role": "viewer"} for _ in range(count)]
    identity = await verifier.verify(sign(key, claims(clock.now, memberships=memberships)))
    with pytest.raises(BadRequest, match=said):
        identity.in_organization(None)
