"""Sends to chat and phone services through apprise, which knows their addresses and formats.

Apprise is made for people who run it for themselves: an address may name any host, several services at once,
and files of this machine. Here, strangers write it.
"""

import time
from typing import TYPE_CHECKING

from services.alerting.contact_points.domain import (
    CHAT_SERVICES,
    HOSTED_SERVICES,
    HOSTS_OF_SERVICES,
    chat_service,
)
from services.alerting.deliveries.domain import DeliveryStatus, Outcome
from services.alerting.reasons import Reason

if TYPE_CHECKING:  # importing its hundred plugins takes a second, which only those who use it pay
    from apprise import NotifyBase

MAX_TEXT = 3000
# To connect, and for each part of an answer.
TIMEOUT_SECONDS = 10.0


class ChatSender:
    def __init__(self, *, allow_hosted: bool) -> None:
        """`allow_hosted`: services that run at any host, which may be within the plant's network."""
        self._allow_hosted = allow_hosted
        self._services = CHAT_SERVICES | HOSTED_SERVICES if allow_hosted else CHAT_SERVICES

    def problem(self, url: str) -> str | None:
        """What is wrong with the address of a service, if anything."""
        opened = self._opened(url)
        return opened if isinstance(opened, str) else None

    async def send(self, url: str, title: str, text: str) -> Outcome:
        """One attempt. Apprise says only whether it succeeded."""
        from apprise import Apprise

        service, opened = chat_service(url), self._opened(url)
        if isinstance(opened, str):
            said = f"{service} is not allowed here, or its address is not valid"
            reason = Reason(said, "chat_not_allowed", {"service": service})
            return Outcome(DeliveryStatus.FAILED, error=reason, permanent=True)
        # What was checked, and not the text: apprise would split that at commas and blanks into several.
        only = Apprise()
        only.add(opened)
        started = time.perf_counter()
        delivered = await only.async_notify(title=title, body=text[:MAX_TEXT])
        latency_ms = (time.perf_counter() - started) * 1000
        if delivered:
            return Outcome(DeliveryStatus.DELIVERED, latency_ms=latency_ms)
        reason = Reason(f"{service} did not accept the message", "chat_not_accepted", {"service": service})
        return Outcome(DeliveryStatus.FAILED, latency_ms=latency_ms, error=reason)

    def _opened(self, url: str) -> "NotifyBase | str":
        """The service at the address, or what is wrong with it."""
        from apprise import Apprise, AppriseAttachment

        service = chat_service(url)
        hosted = (
            f"{service} runs at a host of your choice, which only an operator can allow, with"
            " DINSIGHT_ALERTING_WEBHOOK_ALLOW_PRIVATE=true"
        )
        if service in HOSTED_SERVICES and service not in self._services:
            return hosted
        if service not in self._services:
            return f"must begin with one of {', '.join(sorted(self._services))}, followed by ://"
        opened = Apprise.instantiate(url, suppress_exceptions=True)
        if opened is None or opened.schema != service:
            return f"is not a valid address of {service}: see https://github.com/caronc/apprise/wiki"
        ends = HOSTS_OF_SERVICES.get(service)
        if ends and not self._allow_hosted and not _host(opened).endswith(ends):
            return hosted
        # Such as `template`, which may name any file or address, and is read into the message.
        if any(isinstance(each, AppriseAttachment) and len(each) for each in vars(opened).values()):
            return "must not name a file: the message is made here"
        # An address may ask for others, too.
        opened.verify_certificate, opened.redirects = True, False
        opened.socket_connect_timeout = opened.socket_read_timeout = TIMEOUT_SECONDS
        return opened


def _host(opened: "NotifyBase") -> str:
    return f".{getattr(opened, 'hostname', None) or opened.host or ''}".lower()
