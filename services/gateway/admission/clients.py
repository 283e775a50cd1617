"""The address of a browser, signed for the web page, which sends it back with its own requests.

The page calls the API on a person's behalf. Without this, limits and the audit trail would see the page's
address for everybody. The page needs no secret for it, and cannot speak for an address that it has not just
served.
"""

import hmac
import secrets
import time
from collections.abc import Callable
from hashlib import sha256

from starlette.types import ASGIApp, Receive, Scope, Send

from services.gateway.routing import PREFIX

# The header of the ticket, in both directions.
HEADER = b"x-dinsight-client"
# From the browser's request to the call that it leads to; an upload is passed on while it arrives.
MAX_AGE_SECONDS = 60


class ClientTickets:
    """Signs addresses. Several gateways behind one address need the same key; one makes its own."""

    def __init__(self, key: str = "", *, now: Callable[[], float] = time.time) -> None:
        self._key = (key or secrets.token_hex(32)).encode()
        self._now = now

    def issue(self, address: str) -> str:
        signed = f"{int(self._now()) + MAX_AGE_SECONDS}|{address}"
        return f"{signed}|{self._mac(signed)}"

    def address(self, ticket: str) -> str | None:
        """The address that a ticket names; None if it is forged or too old."""
        signed, _, mac = ticket.rpartition("|")
        if not signed or not hmac.compare_digest(mac.encode(), self._mac(signed).encode()):
            return None
        expires, _, address = signed.partition("|")
        return address if int(expires) >= self._now() else None

    def _mac(self, signed: str) -> str:
        return hmac.new(self._key, signed.encode("latin-1"), sha256).hexdigest()


class NamedClient:
    """ASGI middleware: an API request with a valid ticket counts as one of the browser's address."""

    def __init__(self, app: ASGIApp, tickets: ClientTickets) -> None:
        self._app = app
        self._tickets = tickets

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            presented = next((value for name, value in scope["headers"] if name == HEADER), None)
            address = self._tickets.address(presented.decode("latin-1")) if presented else None
            if address is not None:
                scope = {**scope, "client": (address, 0)}
        await self._app(scope, receive, send)
