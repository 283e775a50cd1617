"""Who must wait after failed attempts."""

import hashlib
import hmac

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey
from structlog.testing import capture_logs

from services.auth.errors import TooManyAttempts
from services.auth.sessions.domain import Client
from services.auth.sign_in.devices import ALGORITHM, FACTOR_CLAIM, PURPOSE, Devices
from services.auth.sign_in.domain import FREE_FAILURES, FREE_FAILURES_OF_ACCOUNT, FREE_FAILURES_OF_SITE
from services.auth.sign_in.throttle import Throttle
from shared.clock import time_ordered_id
from tests.support.fakes import FakeClock
from tests.unit.auth.database.fakes.unit import FakeUnits

ACCOUNT = "ada@example.org"


def at(address: str | None) -> Client:
    return Client(address, "test")


def throttle_at(clock: FakeClock) -> Throttle:
    return Throttle(clock, Devices("pepper", clock, time_ordered_id))


async def test_failures_are_counted_per_ipv6_network() -> None:
    """A client can use any IPv6 address of its network."""
    unit, throttle = FakeUnits().unit(), throttle_at(FakeClock())
    for step in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at(f"2001:db8::{step}"))
    with pytest.raises(TooManyAttempts):
        await throttle.admit(unit, ACCOUNT, at("2001:db8::ffff"))
    # Other networks and other accounts need not wait.
    await throttle.admit(unit, ACCOUNT, at("2001:db8:0:1::1"))
    await throttle.admit(unit, "grace@example.org", at("2001:db8::1"))


async def test_what_is_throttled_is_logged_without_the_address() -> None:
    unit, throttle = FakeUnits().unit(), throttle_at(FakeClock())
    for _ in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at("192.0.2.1"))
    with capture_logs() as logs, pytest.raises(TooManyAttempts):
        await throttle.admit(unit, ACCOUNT, at("192.0.2.1"))
    [entry] = logs
    assert entry["event"] == "attempt throttled"
    assert ACCOUNT not in str(entry)


async def test_success_from_one_address_resets_its_network() -> None:
    clock = FakeClock()
    unit, throttle = FakeUnits().unit(), throttle_at(clock)
    for step in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at(f"2001:db8::{step}"))
    await throttle.succeeded(unit, ACCOUNT, at("2001:db8::ffff"))
    await throttle.admit(unit, ACCOUNT, at("2001:db8::1"))


async def test_failures_are_counted_per_ipv4_address() -> None:
    unit, throttle = FakeUnits().unit(), throttle_at(FakeClock())
    for _ in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at("192.0.2.1"))
    with pytest.raises(TooManyAttempts):
        await throttle.admit(unit, ACCOUNT, at("192.0.2.1"))
    await throttle.admit(unit, ACCOUNT, at("192.0.2.2"))


async def test_failures_are_counted_per_ipv6_site() -> None:
    """Whoever has a /56 has 256 networks: each is a stranger, but the site is not."""
    unit, throttle = FakeUnits().unit(), throttle_at(FakeClock())
    for step in range(FREE_FAILURES_OF_SITE):
        await throttle.admit(unit, ACCOUNT, at(f"2001:db8:0:{step:x}::1"))
    with pytest.raises(TooManyAttempts):
        await throttle.admit(unit, ACCOUNT, at("2001:db8:0:ff::1"))
    await throttle.admit(unit, ACCOUNT, at("2001:db8:0:100::1"))


async def test_guesses_from_everywhere_are_slowed_down_but_not_a_known_device() -> None:
    clock = FakeClock()
    devices = Devices("pepper", clock, time_ordered_id)
    unit, throttle = FakeUnits().unit(), Throttle(clock, devices)
    mine = devices.issue(ACCOUNT)
    noticed = [
        await throttle.admit_sign_in(unit, ACCOUNT, at(f"192.0.2.{step}"), None)
        for step in range(FREE_FAILURES_OF_ACCOUNT)
    ]
    assert noticed == [False] * (FREE_FAILURES_OF_ACCOUNT - 1) + [True], "the owner is told once"
    for device in (None, "nonsense", devices.issue("grace@example.org")):
        with pytest.raises(TooManyAttempts):
            await throttle.admit_sign_in(unit, ACCOUNT, at("198.51.100.1"), device)
    for _ in range(FREE_FAILURES):
        await throttle.admit_sign_in(unit, ACCOUNT, at("198.51.100.1"), mine)
    with pytest.raises(TooManyAttempts):
        await throttle.admit_sign_in(unit, ACCOUNT, at("198.51.100.2"), mine)
    # A device that was stolen may guess no more than a network may, and does not free the others.
    await throttle.signed_in(unit, ACCOUNT, at("198.51.100.1"), mine)
    await throttle.admit_sign_in(unit, ACCOUNT, at("198.51.100.1"), mine)
    with pytest.raises(TooManyAttempts):
        await throttle.admit_sign_in(unit, ACCOUNT, at("198.51.100.1"), None)


def test_a_token_of_an_earlier_version_knows_no_second_factor() -> None:
    clock = FakeClock()
    devices = Devices("pepper", clock, time_ordered_id)
    key = OctKey.import_key(hmac.digest(b"pepper", PURPOSE, hashlib.sha256))
    claims = jwt.decode(devices.issue(ACCOUNT, factor=True), key, algorithms=[ALGORITHM]).claims
    del claims[FACTOR_CLAIM]
    early = jwt.encode({"alg": ALGORITHM}, claims, key, algorithms=[ALGORITHM])
    assert devices.known(ACCOUNT, early) == claims["jti"]
    assert devices.known(ACCOUNT, early, factor=True) is None


def test_a_device_is_forgotten_after_a_year_and_known_to_its_installation_only() -> None:
    clock = FakeClock()
    devices = Devices("pepper", clock, time_ordered_id)
    token = devices.issue(ACCOUNT)
    assert devices.known(ACCOUNT, token)
    assert Devices("another pepper", clock, time_ordered_id).known(ACCOUNT, token) is None
    assert devices.known(ACCOUNT, token, factor=True) is None
    proved = devices.issue(ACCOUNT, factor=True)
    assert devices.known(ACCOUNT, proved) == devices.known(ACCOUNT, proved, factor=True) is not None
    clock.advance(days=366)
    assert devices.known(ACCOUNT, token) is None
