"""Sends signed webhooks, and never to an address that is not public unless the operator allows it."""

import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver
from standardwebhooks import Webhook as Signer

from services.alerting.deliveries.domain import Outcome
from shared.clock import Clock

USER_AGENT = "DInsight-Webhook/1"
# The receiver says that it wants no more of these.
GONE = 410
# Carries an IPv4 address in its last 32 bits (RFC 6052); networks that have IPv6 alone reach IPv4 by it.
NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# All that has been given out of IPv6. What lies outside (IPv4-compatible and translated addresses, local
# NAT64, site-local, segment routing) leads into networks of one's own or nowhere.
GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# Inside it, and not for the internet: tunnels that carry an IPv4 address, and documentation.
NOT_REACHED = (
    ipaddress.IPv6Network("2001::/32"),
    ipaddress.IPv6Network("2002::/16"),
    ipaddress.IPv6Network("3fff::/20"),
    ipaddress.IPv4Network("192.0.0.0/24"),
    ipaddress.IPv4Network("192.88.99.0/24"),
)
# The interface part of ISATAP addresses begins so, and an IPv4 address follows (RFC 5214).
ISATAP = (0x00005EFE, 0x02005EFE)
REFUSED = (
    "the receiver's address is not public, so it is not connected to; the operator allows private ones"
    " with DINSIGHT_ALERTING_WEBHOOK_ALLOW_PRIVATE=true"
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class AddressRefused(OSError):
    """The address is not public. The text is the same for all, so it tells nothing about a network."""

    def __init__(self) -> None:
        super().__init__(REFUSED)


def is_public(address: Address) -> bool:
    """Whether the address belongs to the internet at large, looked at through every IPv4-in-IPv6 form."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = address.ipv4_mapped
        if inner is None and address in NAT64:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.scope_id is not None or address not in GLOBAL_UNICAST:
            return False
        if int(address) >> 32 & 0xFFFFFFFF in ISATAP:
            return False
    if any(address in network for network in NOT_REACHED):
        return False
    return address.is_global and not address.is_multicast


def public_socket(info: Any) -> socket.socket:
    """Make the socket of one connection attempt. Raises AddressRefused; the name's look-up is past by now."""
    family, kind, protocol, _, place = info
    if not is_public(ipaddress.ip_address(place[0])):
        raise AddressRefused
    return socket.socket(family, kind, protocol)


class WebhookSender:
    """Usable while `open`. Every message has its own connection, and so its own check of the address."""

    def __init__(
        self,
        clock: Clock,
        *,
        allow_private: bool,
        timeout_seconds: float,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """Names are looked up by the system unless a `resolver` is given."""
        self._clock = clock
        self._resolver = resolver
        self._allow_private = allow_private
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(
            force_close=True,
            # Zero: the dispatcher bounds how many messages are under way.
            limit=0,
            use_dns_cache=False,
            resolver=self._resolver,
            socket_factory=None if self._allow_private else public_socket,
        )
        async with aiohttp.ClientSession(
            connector=connector,
            timeout=self._timeout,
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"User-Agent": USER_AGENT},
        ) as session:
            self._session = session
            yield
        self._session = None

    async def send(self, url: str, secret: str, message_id: UUID, message: Mapping[str, Any]) -> Outcome:
        """Make one attempt. Only a 2xx answer counts; redirects are not followed, bodies are not read."""
        if self._session is None:
            raise RuntimeError("the webhook sender is not open")
        body = orjson.dumps(message)
        started = time.perf_counter()
        try:
            async with self._session.post(
                url, data=body, headers=self._headers(secret, message_id, body), allow_redirects=False
            ) as response:
                return self._answered(response.status, _since(started))
        except TimeoutError:
            return Outcome(False, None, _since(started), "the receiver did not answer in time")
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefused):
                return Outcome(False, None, _since(started), REFUSED, final=True)
            return Outcome(
                False, None, _since(started), f"no connection to the receiver: {type(error).__name__}"
            )
        except aiohttp.InvalidURL:
            return Outcome(False, None, _since(started), "the URL cannot be called", final=True)
        except (aiohttp.ClientError, OSError) as error:
            return Outcome(False, None, _since(started), f"the request failed: {type(error).__name__}")

    @staticmethod
    def _answered(status: int, latency_ms: float) -> Outcome:
        if 200 <= status < 300:
            return Outcome(True, status, latency_ms, None)
        if 300 <= status < 400:
            return Outcome(
                False, status, latency_ms, f"the receiver redirects ({status}); redirects are not followed"
            )
        return Outcome(False, status, latency_ms, f"the receiver answered {status}", final=status == GONE)

    def _headers(self, secret: str, message_id: UUID, body: bytes) -> dict[str, str]:
        """Standard Webhooks: the id is the same for every attempt, the time is this attempt's."""
        identifier, now = f"msg_{message_id}", self._clock.now()
        return {
            "Content-Type": "application/json",
            "webhook-id": identifier,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": Signer(secret).sign(identifier, now, body.decode()),
        }


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
