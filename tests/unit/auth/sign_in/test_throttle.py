"""Who must wait after failed attempts."""

import pytest
from structlog.testing import capture_logs

from services.auth.errors import TooManyAttempts
from services.auth.sessions.domain import Client
from services.auth.sign_in.domain import FREE_FAILURES
from services.auth.sign_in.throttle import Throttle
from tests.support.fakes import FakeClock
from tests.unit.auth.database.fakes.unit import FakeUnits

ACCOUNT = "ada@example.org"


def at(address: str | None) -> Client:
    return Client(address, "test")


async def test_failures_are_counted_per_ipv6_network() -> None:
    """A client can use any IPv6 address of its network."""
    unit, throttle = FakeUnits().unit(), Throttle(FakeClock())
    for step in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at(f"2001:db8::{step}"))
    with pytest.raises(TooManyAttempts):
        await throttle.admit(unit, ACCOUNT, at("2001:db8::ffff"))
    # Other networks and other accounts need not wait.
    await throttle.admit(unit, ACCOUNT, at("2001:db8:0:1::1"))
    await throttle.admit(unit, "grace@example.org", at("2001:db8::1"))


async def test_what_is_throttled_is_logged_without_the_address() -> None:
    unit, throttle = FakeUnits().unit(), Throttle(FakeClock())
    for _ in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at("192.0.2.1"))
    with capture_logs() as logs, pytest.raises(TooManyAttempts):
        await throttle.admit(unit, ACCOUNT, at("192.0.2.1"))
    [entry] = logs
    assert entry["event"] == "attempt throttled"
    assert ACCOUNT not in str(entry)


async def test_success_from_one_address_resets_its_network() -> None:
    clock = FakeClock()
    unit, throttle = FakeUnits().unit(), Throttle(clock)
    for step in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at(f"2001:db8::{step}"))
    await throttle.succeeded(unit, ACCOUNT, at("2001:db8::ffff"))
    await throttle.admit(unit, ACCOUNT, at("2001:db8::1"))


async def test_failures_are_counted_per_ipv4_address() -> None:
    unit, throttle = FakeUnits().unit(), Throttle(FakeClock())
    for _ in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at("192.0.2.1"))
    with pytest.raises(TooManyAttempts):
        await throttle.admit(unit, ACCOUNT, at("192.0.2.1"))
    await throttle.admit(unit, ACCOUNT, at("192.0.2.2"))
