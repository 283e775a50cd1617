"""Sends to chat and phone services through apprise, which knows their addresses and formats."""

import time
from urllib.parse import urlsplit

from services.alerting.contact_points.domain import CHAT_SERVICES, HOSTED_SERVICES, chat_service
from services.alerting.deliveries.domain import DeliveryStatus, Outcome

MAX_TEXT = 3000


class ChatSender:
    def __init__(self, *, allow_hosted: bool) -> None:
        """`allow_hosted`: services that run at any host, which may be within the plant's network."""
        self._services = CHAT_SERVICES | HOSTED_SERVICES if allow_hosted else CHAT_SERVICES

    def problem(self, url: str) -> str | None:
        """What is wrong with the address of a service, if anything."""
        # Importing its hundred plugins takes a second, which only those who use it pay.
        from apprise import Apprise

        service = chat_service(url)
        if service in HOSTED_SERVICES and service not in self._services:
            return (
                f"{service} runs at a host of your choice, which only an operator can allow, with"
                " DINSIGHT_ALERTING_WEBHOOK_ALLOW_PRIVATE=true"
            )
        if service not in self._services:
            return f"must begin with one of {', '.join(sorted(self._services))}, followed by ://"
        if urlsplit(url).query and "config=" in url:
            return "must not refer to a configuration"
        if Apprise.instantiate(url, suppress_exceptions=True) is None:
            return f"is not a valid address of {service}: see https://github.com/caronc/apprise/wiki"
        return None

    async def send(self, url: str, title: str, text: str) -> Outcome:
        """One attempt. Apprise says only whether it succeeded."""
        from apprise import Apprise

        service = chat_service(url)
        if self.problem(url) is not None:
            reason = f"{service} is not allowed or not valid"
            return Outcome(DeliveryStatus.FAILED, error=reason, permanent=True)
        started = time.perf_counter()
        delivered = await Apprise(url).async_notify(title=title, body=text[:MAX_TEXT])
        latency_ms = (time.perf_counter() - started) * 1000
        if delivered:
            return Outcome(DeliveryStatus.DELIVERED, latency_ms=latency_ms)
        reason = f"{service} did not accept the message"
        return Outcome(DeliveryStatus.FAILED, latency_ms=latency_ms, error=reason)
