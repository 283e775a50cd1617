"""Which client addresses count as the same client."""

import pytest

from shared.http.addresses import network_of


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:DB8:1:2::ffff", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("testclient", "unknown"),
        ("", "unknown"),
        (None, "unknown"),
    ],
)
def test_an_ipv6_client_is_counted_by_its_network(address: str | None, network: str) -> None:
    assert network_of(address) == network


def test_the_prefix_may_be_shorter() -> None:
    assert network_of("2001:db8:1:2ff::1", 56) == network_of("2001:db8:1:200::1", 56) == "2001:db8:1:200::/56"
