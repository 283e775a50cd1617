"""The key ring: one key for all replicas, rotated in time, always encrypted."""

import base64
import json
from datetime import timedelta

import pytest

from services.auth.keys.service import PUBLISH_AHEAD, RELOAD_AFTER, KeyRing
from services.auth.keys.tokens import AccessTokens
from services.auth.sessions.domain import Grant
from shared.clock import time_ordered_id
from shared.crypto import EncryptionError, Encryptor
from shared.tokens import TokenVerifier
from tests.support.fakes import FakeClock
from tests.unit.auth.database.examples import a_user
from tests.unit.auth.database.fakes.unit import FakeUnits

KEYS = "a:" + base64.b64encode(b"k" * 32).decode()
LIFETIME = timedelta(days=30)
TOKEN_LIFETIME = timedelta(minutes=15)


@pytest.fixture
def units() -> FakeUnits:
    return FakeUnits()


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def a_ring(units: FakeUnits, clock: FakeClock, keys: str = KEYS) -> KeyRing:
    return KeyRing(units, clock, Encryptor(keys), key_lifetime=LIFETIME, token_lifetime=TOKEN_LIFETIME)


def header(token: str) -> dict[str, str]:
    encoded = token.partition(".")[0]
    return dict(json.loads(base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4))))


async def key_id(ring: KeyRing) -> str:
    return str((await ring.signing()).kid)


async def test_replicas_agree_on_the_first_key(units: FakeUnits, clock: FakeClock) -> None:
    first, second = a_ring(units, clock), a_ring(units, clock)
    await first.maintain()
    assert await key_id(first) == await key_id(second)
    assert len(units.keys.keys) == 1
    assert units.keys.locked == 1


async def test_private_keys_are_encrypted_and_never_published(units: FakeUnits, clock: FakeClock) -> None:
    ring = a_ring(units, clock)
    private = (await ring.signing()).as_dict(private=True)["d"]
    assert str(private) not in json.dumps(await ring.public())
    [stored] = units.keys.keys.values()
    assert str(private) not in stored.private_jwk
    with pytest.raises(EncryptionError):
        await a_ring(units, clock, "a:" + base64.b64encode(b"z" * 32).decode()).signing()


async def test_a_successor_is_published_before_it_signs_and_the_old_key_still_verifies(
    units: FakeUnits, clock: FakeClock
) -> None:
    ring, replica = a_ring(units, clock), a_ring(units, clock)
    old = await key_id(ring)
    await replica.public()
    clock.advance(days=30)
    await ring.maintain()
    published = {key["kid"] for key in (await replica.public())["keys"]}
    assert len(published) == 2
    [new] = published - {old}
    assert await key_id(ring) == await key_id(replica) == old, "verifiers must know it first"

    clock.time += PUBLISH_AHEAD
    assert await key_id(ring) == new
    assert {key["kid"] for key in (await ring.public())["keys"]} == published
    # The last token signed with the old key has expired.
    clock.time += TOKEN_LIFETIME + 2 * RELOAD_AFTER
    await ring.maintain()
    assert [key["kid"] for key in (await ring.public())["keys"]] == [new]
    assert list(units.keys.keys) == [new]


async def test_a_token_signed_before_the_rotation_verifies_after_it(
    units: FakeUnits, clock: FakeClock
) -> None:
    ring = a_ring(units, clock)
    tokens = AccessTokens(ring, clock, time_ordered_id, TOKEN_LIFETIME)
    session = time_ordered_id()
    grant = Grant(a_user(), [], session, "refresh")
    await ring.maintain()
    clock.time += LIFETIME
    await ring.maintain()
    clock.time += PUBLISH_AHEAD - timedelta(seconds=1)
    before = await tokens.issue(grant)
    clock.advance(seconds=2)
    after = await tokens.issue(grant)

    verifier = TokenVerifier(ring.published, now=lambda: clock.time.timestamp())
    assert (await verifier.verify(before.access_token)).session_id == session
    assert (await verifier.verify(after.access_token)).session_id == session
    headers = [header(pair.access_token) for pair in (before, after)]
    assert headers[0]["kid"] != headers[1]["kid"]
    assert {header["typ"] for header in headers} == {"at+jwt"}
