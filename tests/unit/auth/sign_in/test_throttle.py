"""Who has to wait after guessing."""

import pytest

from services.auth.errors import TooManyAttempts
from services.auth.sessions.domain import Client
from services.auth.sign_in.domain import FREE_FAILURES
from services.auth.sign_in.throttle import Throttle
from tests.support.fakes import FakeClock
from tests.unit.auth.database.fakes.unit import FakeUnits

ACCOUNT = "ada@example.org"


def at(address: str | None) -> Client:
    return Client(address, "test")


async def test_addresses_of_one_ipv6_network_wait_together() -> None:
    """A client changes its IPv6 address within its network as it likes."""
    unit, throttle = FakeUnits().unit(), Throttle(FakeClock())
    for step in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at(f"2001:db8::{step}"))
    with pytest.raises(TooManyAttempts):
        await throttle.admit(unit, ACCOUNT, at("2001:db8::ffff"))
    # Another network does not wait, nor does another account.
    await throttle.admit(unit, ACCOUNT, at("2001:db8:0:1::1"))
    await throttle.admit(unit, "grace@example.org", at("2001:db8::1"))


async def test_success_from_one_address_frees_its_network() -> None:
    clock = FakeClock()
    unit, throttle = FakeUnits().unit(), Throttle(clock)
    for step in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at(f"2001:db8::{step}"))
    await throttle.succeeded(unit, ACCOUNT, at("2001:db8::ffff"))
    await throttle.admit(unit, ACCOUNT, at("2001:db8::1"))


async def test_ipv4_addresses_wait_each_for_itself() -> None:
    unit, throttle = FakeUnits().unit(), Throttle(FakeClock())
    for _ in range(FREE_FAILURES):
        await throttle.admit(unit, ACCOUNT, at("192.0.2.1"))
    with pytest.raises(TooManyAttempts):
        await throttle.admit(unit, ACCOUNT, at("192.0.2.1"))
    await throttle.admit(unit, ACCOUNT, at("192.0.2.2"))
