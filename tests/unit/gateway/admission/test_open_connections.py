"""Nobody can use up all connections; the limit of open files is kept."""

import resource

import pytest
from structlog.testing import capture_logs

from services.gateway.admission.open_connections import LOG_SECONDS, OpenConnections, affordable


def test_a_network_is_limited_and_others_are_not() -> None:
    connections = OpenConnections(10, 2)
    for address in ("192.0.2.1", "192.0.2.1", "2001:db8::1", "2001:db8::ffff"):
        assert connections.add(address) is None
    # A client has all addresses of its /64.
    for address in ("192.0.2.1", "2001:db8::2"):
        refusal = connections.add(address)
        assert refusal is not None
        assert (refusal.status, refusal.params["limit"]) == (429, "address")
    assert connections.add("192.0.2.2") is None
    connections.remove("192.0.2.1")
    assert connections.add("192.0.2.1") is None


def test_a_trusted_proxy_is_limited_by_the_total_only() -> None:
    connections = OpenConnections(3, 1, ("10.0.0.0/8", "proxy.example"))
    assert [connections.add("10.1.2.3") for _ in range(3)] == [None] * 3
    refusal = connections.add("10.1.2.3")
    assert refusal is not None
    assert refusal.params["limit"] == "all"
    assert connections.add("192.0.2.1") is not None


def test_a_flood_of_refusals_is_logged_now_and_then() -> None:
    seconds = 0.0
    connections = OpenConnections(1, 1, now=lambda: seconds)
    connections.add("192.0.2.1")
    with capture_logs() as logs:
        for _ in range(100):
            connections.add("192.0.2.2")
        seconds += LOG_SECONDS
        connections.add("192.0.2.2")
    assert [entry["refused"] for entry in logs] == [1, 100]
    assert logs[0]["client_address"] == "192.0.2.2"


def test_no_more_connections_than_open_files() -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        assert affordable(10) == 10
        with capture_logs() as logs:
            possible = affordable(2**40)
        assert possible <= resource.getrlimit(resource.RLIMIT_NOFILE)[0] / 2
        assert logs[0]["possible"] == possible
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.mark.parametrize("address", [None, "unix"])
def test_clients_without_an_address_share_one_limit(address: str | None) -> None:
    connections = OpenConnections(10, 1)
    assert connections.add(None) is None
    assert connections.add(address) is not None
