"""Which addresses are public, and what a receiver may say about when to try again."""

import ipaddress
import socket
from datetime import UTC, datetime, timedelta

import pytest

from services.alerting.deliveries.domain import MAX_RETRY_AFTER
from services.alerting.deliveries.webhooks import AddressRefused, _retry_after, public_socket
from shared.public_addresses import is_public


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
        "224.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fe80::1%eth0", "fc00::1", "ff02::1",
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a00:1", "2002:a00:1::",
        "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        # Other notations of IPv4 within IPv6: compatible, translated, local NAT64, ISATAP.
        "::127.0.0.1", "::169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b:1::a00:1", "64:ff9b::7f00:1",
        "2001:4860:0:1:0:5efe:10.0.0.1", "2001:4860:0:1:200:5efe:10.0.0.1", "2002:5db8:d70e::1",
        # Unallocated or reserved.
        "fec0::1", "5f00::1", "4000::1", "3fff::1", "2001:db8::1", "100::1", "192.0.0.9", "192.88.99.1",
        "198.18.0.1", "240.0.0.1", "0.1.2.3",
    ],
)  # fmt: skip
def test_private_addresses_are_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(AddressRefused):
        public_socket((family, socket.SOCK_STREAM, 0, "", (address, 443)))


@pytest.mark.parametrize(
    "address",
    [
        "93.184.215.14",
        "2606:2800:21f:cb07:6820:80da:af6b:8b2c",
        "::ffff:93.184.215.14",
        "64:ff9b::93.184.215.14",
    ],
)
def test_public_addresses_are_accepted(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    ("said", "seconds"),
    [
        ("120", 120),
        ("Thu, 01 Jan 2026 00:01:00 GMT", 60),
        ("Thu, 01 Jan 2015 00:00:00 GMT", 0),
        ("9" * 5000, MAX_RETRY_AFTER.total_seconds()),
        ("Thu, 01 Jan 2026 00:00:00 +" + "9" * 30, None),
        ("Thu, 99 Jan 99999 00:00:00 GMT", None),
        ("\u0663\u0663", None),
        ("soon", None),
        ("", None),
    ],
)
def test_whatever_a_receiver_says_is_a_bounded_time_or_none(said: str, seconds: float | None) -> None:
    found = _retry_after(said, datetime(2026, 1, 1, tzinfo=UTC))
    assert found == (None if seconds is None else timedelta(seconds=seconds))
