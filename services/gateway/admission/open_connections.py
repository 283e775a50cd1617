"""Counts open connections: in all, and of each network, so that one client cannot use up all of them."""

import resource
import time
from collections import Counter
from collections.abc import Callable, Sequence
from ipaddress import ip_address, ip_network

import structlog
from opentelemetry import metrics

from services.gateway.errors import TooManyConnections
from shared.http.addresses import network_of

# What the process needs besides: a connection to a service for each of a client, to the broker and files.
FILES_PER_CONNECTION = 2
OTHER_FILES = 128
# A flood must not flood the log, too.
LOG_SECONDS = 10.0
logger = structlog.get_logger(__name__)


class OpenConnections:
    """`trusted_proxies` and the web page speak for many clients, so that only the total limits them."""

    def __init__(
        self,
        max_connections: int,
        max_per_network: int,
        trusted_proxies: Sequence[str] = (),
        *,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._max = max_connections
        self._max_per_network = max_per_network
        self._trusted = [ip_network(proxy) for proxy in trusted_proxies if _is_network(proxy)]
        self._trusts_all = "*" in trusted_proxies
        self._open: Counter[str] = Counter()
        self._total = 0
        self._now = now
        self._logs_at = float("-inf")
        self._unlogged = 0
        self._refused = metrics.get_meter("dinsight.gateway").create_counter(
            "dinsight_gateway_connections_refused", "1", "Connections refused because too many are open"
        )

    def add(self, address: str | None) -> TooManyConnections | None:
        """Count a new connection, or tell why it is refused; then it is not counted."""
        network = network_of(address)
        if self._total >= self._max:
            return self._refusal("all", self._max, network)
        if self._open[network] >= self._max_per_network and not self._is_trusted(address):
            return self._refusal("address", self._max_per_network, network)
        self._open[network] += 1
        self._total += 1
        return None

    def exempt(self, address: str | None) -> None:
        """An open connection turns out to be the page's: from now on it counts in the total only."""
        network = network_of(address)
        self._open[network] -= 1
        if not self._open[network]:
            del self._open[network]

    def remove(self, address: str | None, *, exempted: bool = False) -> None:
        self._total -= 1
        if not exempted:
            self.exempt(address)

    def _refusal(self, limit: str, connections: int, network: str) -> TooManyConnections:
        self._refused.add(1, {"limit": limit})
        self._unlogged += 1
        if self._now() >= self._logs_at:
            logger.warning("connections refused", limit=limit, client_address=network, refused=self._unlogged)
            self._logs_at, self._unlogged = self._now() + LOG_SECONDS, 0
        if not self._open[network]:
            del self._open[network]
        return TooManyConnections(limit, connections)

    def _is_trusted(self, address: str | None) -> bool:
        if self._trusts_all:
            return True
        return bool(address) and any(ip_address(address or "") in network for network in self._trusted)


def affordable(wanted: int) -> int:
    """How many of the wanted connections the limit of open files permits, after raising it if possible."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = wanted * FILES_PER_CONNECTION + OTHER_FILES
    unlimited = hard == resource.RLIM_INFINITY
    if soft < needed:
        soft = needed if unlimited else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    possible = (soft - OTHER_FILES) // FILES_PER_CONNECTION
    if possible < wanted:
        logger.warning("the limit of open files permits fewer connections", wanted=wanted, possible=possible)
    return max(1, min(wanted, possible))


def _is_network(text: str) -> bool:
    try:
        ip_network(text)
    except ValueError:
        return False
    return True
