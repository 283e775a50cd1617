"""The gateway's HTTP protocol: connections are bounded, and so are the size and the time of a head.

The server's own protocol has no limit for a head and collects its bytes in quadratic time, so that an
endless head would stall everybody else.
"""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from services.gateway.admission.clients import HEADER, ClientTickets
from services.gateway.admission.edge import (
    MAX_ADDRESS_BYTES,
    MAX_HEADERS,
    MAX_HEADERS_BYTES,
    SECURITY_HEADERS,
)
from services.gateway.admission.open_connections import OpenConnections
from services.gateway.errors import AddressTooLong, HeadersTooLarge
from shared.errors import DInsightError
from shared.http.problems import MEDIA_TYPE, document

MAX_HEAD_BYTES = MAX_ADDRESS_BYTES + MAX_HEADERS_BYTES
# Browsers and libraries wait for the answer before they send the next request.
MAX_PIPELINED_REQUESTS = 32


class GatewayProtocol(HttpToolsProtocol):
    """Closes a connection whose request's head does not end within `head_seconds` or `MAX_HEAD_BYTES`.

    A connection whose request has a valid ticket is the page's, which speaks for all of its visitors.
    """

    head_seconds = 20.0
    open_connections: OpenConnections | None = None
    tickets: ClientTickets | None = None
    _counted = False
    _is_page = False
    _deadline: asyncio.TimerHandle | None = None
    # Bytes since the parser last completed something: a head, a piece of a body, the end of a message.
    _unfinished = 0
    _progressed = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        if self.open_connections is not None:
            refusal = self.open_connections.add(self._address)
            if refusal is not None:
                transport.write(_answer(refusal))
                transport.close()
                return
            self._counted = True
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        if self._counted and self.open_connections is not None:
            self.open_connections.remove(self._address, exempted=self._is_page)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # The parser gets no more than a head may have: it keeps all of it until the head is complete.
        while data and not self.transport.is_closing():
            room = MAX_HEAD_BYTES - self._unfinished
            piece, data = data[:room], data[room:]
            self._progressed = False
            super().data_received(piece)
            self._unfinished = 0 if self._progressed else self._unfinished + len(piece)
            if self._unfinished >= MAX_HEAD_BYTES:
                self._refuse()
            elif len(self.pipeline) > MAX_PIPELINED_REQUESTS:
                self.transport.close()

    def on_message_begin(self) -> None:
        # For the head of a later request on the connection; the first one counts from when it was opened.
        self._arm()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._disarm()
        self._progressed = True
        self._recognize_page()
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._progressed = True
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._progressed = True
        super().on_message_complete()

    def _recognize_page(self) -> None:
        if self._is_page or not self._counted or self.tickets is None or self.open_connections is None:
            return
        ticket = next((value for name, value in self.headers if name == HEADER), None)
        if ticket is not None and self.tickets.address(ticket.decode("latin-1")) is not None:
            self._is_page = True
            self.open_connections.exempt(self._address)

    @property
    def _address(self) -> str | None:
        return self.client[0] if self.client else None

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _refuse(self) -> None:
        """Send the reason and close. In the middle of another response, only close."""
        if self.cycle is None or self.cycle.response_complete:
            too_long = len(getattr(self, "url", b"")) > MAX_ADDRESS_BYTES
            error = (
                AddressTooLong(MAX_ADDRESS_BYTES)
                if too_long
                else HeadersTooLarge(MAX_HEADERS, MAX_HEADERS_BYTES)
            )
            self.transport.write(_answer(error))
        self.transport.close()


def _answer(error: DInsightError) -> bytes:
    body = document(error, "")
    head = [
        f"HTTP/1.1 {error.status} {error.title}",
        f"Content-Type: {MEDIA_TYPE}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *(f"{name}: {value}" for name, value in {**(error.headers or {}), **SECURITY_HEADERS}.items()),
    ]
    return "\r\n".join([*head, "", ""]).encode("latin-1") + body


def protocol(
    head_seconds: float, open_connections: OpenConnections, tickets: ClientTickets
) -> type[GatewayProtocol]:
    """The protocol with these bounds; the server makes its instances itself."""
    bounds = {"head_seconds": head_seconds, "open_connections": open_connections, "tickets": tickets}
    return type("GatewayProtocol", (GatewayProtocol,), bounds)
