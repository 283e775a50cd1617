"""Sends signed webhooks, to public addresses only unless the operator allows others."""

import ipaddress
import socket
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any
from uuid import UUID

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver
from standardwebhooks import Webhook as Signer

from services.alerting.deliveries.domain import MAX_RETRY_AFTER, DeliveryStatus, Outcome
from services.alerting.reasons import Reason, gone
from shared.clock import Clock
from shared.public_addresses import is_public

USER_AGENT = "DInsight-Webhook/1"
# The receiver asks for no further messages.
GONE = 410
REFUSED = (
    "the receiver's address is not public, so no connection was made; an operator can allow private addresses"
    " with DINSIGHT_ALERTING_WEBHOOK_ALLOW_PRIVATE=true"
)


class AddressRefused(OSError):
    """The address is not public. The message is always the same, so it reveals nothing about the network."""

    def __init__(self) -> None:
        super().__init__(REFUSED)


def public_socket(info: Any) -> socket.socket:
    """Create the socket of one connection attempt, after name resolution. Raises AddressRefused."""
    family, kind, protocol, _, place = info
    if not is_public(ipaddress.ip_address(place[0])):
        raise AddressRefused
    return socket.socket(family, kind, protocol)


class WebhookSender:
    """Usable while `open`. Each message has its own connection, so each address is checked."""

    def __init__(
        self,
        clock: Clock,
        *,
        allow_private: bool,
        timeout_seconds: float,
        resolver: AbstractResolver | None = None,
    ) -> None:
        """The system resolves names unless a `resolver` is given."""
        self._clock = clock
        self._resolver = resolver
        self._allow_private = allow_private
        self._timeout = aiohttp.ClientTimeout(total=timeout_seconds)
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(
            force_close=True,
            # Unlimited: the worker limits the number of concurrent messages.
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

    async def send(
        self, url: str, secrets: Sequence[str], message_id: UUID, message: Mapping[str, Any]
    ) -> Outcome:
        """Make one attempt, signed with each of the secrets.

        Only a 2xx response counts; redirects are not followed, bodies are not read.
        """
        if self._session is None:
            raise RuntimeError("the webhook sender is not open")
        body = orjson.dumps(message)
        started = time.perf_counter()
        try:
            async with self._session.post(
                url, data=body, headers=self._headers(secrets, message_id, body), allow_redirects=False
            ) as response:
                return self._answered(response, started)
        except TimeoutError:
            return _failed(Reason("the receiver did not respond in time", "no_answer"), started)
        except aiohttp.ClientConnectorError as error:
            if isinstance(error.os_error, AddressRefused):
                return _failed(Reason(REFUSED, "address_refused"), started, permanent=True)
            name = type(error).__name__
            said = f"could not connect to the receiver: {name}"
            return _failed(Reason(said, "no_connection", {"error": name}), started)
        except aiohttp.InvalidURL:
            return _failed(Reason("the URL is invalid", "invalid_url"), started, permanent=True)
        except (aiohttp.ClientError, OSError) as error:
            name = type(error).__name__
            reason = Reason(f"the request failed: {name}", "request_failed", {"error": name})
            return _failed(reason, started)

    def _headers(self, secrets: Sequence[str], message_id: UUID, body: bytes) -> dict[str, str]:
        """Headers of Standard Webhooks: the id is the same for every attempt, the timestamp is not."""
        identifier, now = f"msg_{message_id}", self._clock.now()
        signatures = [Signer(secret).sign(identifier, now, body.decode()) for secret in secrets]
        return {
            "Content-Type": "application/json",
            "webhook-id": identifier,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(signatures),
        }

    def _answered(self, response: aiohttp.ClientResponse, started: float) -> Outcome:
        status = response.status
        if 200 <= status < 300:
            return Outcome(DeliveryStatus.DELIVERED, status, _since(started))
        error = Reason(f"the receiver responded with {status}", "refused", {"status": status})
        if 300 <= status < 400:
            said = f"the receiver responded with a redirect ({status}), which is not followed"
            error = Reason(said, "redirected", {"status": status})
        if status == GONE:
            last = gone(f"{error}: it wants no more messages")
            return replace(_failed(last, started, status, permanent=True), gone=True)
        asked = _retry_after(response.headers.get("Retry-After", ""), self._clock.now())
        return replace(_failed(error, started, status), retry_after=asked)


def _retry_after(text: str, now: datetime) -> timedelta | None:
    """How long the receiver asks to wait, in seconds or until a date (RFC 9110, section 10.2.3)."""
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), MAX_RETRY_AFTER)
    try:
        until = parsedate_to_datetime(text)
    except (ValueError, OverflowError):
        return None
    if until.tzinfo is None:
        return None
    return min(max(until - now, timedelta()), MAX_RETRY_AFTER)


def _failed(error: Reason, started: float, status: int | None = None, *, permanent: bool = False) -> Outcome:
    return Outcome(DeliveryStatus.FAILED, status, _since(started), error, permanent)


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000
