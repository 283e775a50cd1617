"""Connections that never finish their first line would otherwise stay open for ever."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class HeadDeadline(HttpToolsProtocol):
    """Closes a connection when a request's head has not come whole within `head_seconds`."""

    head_seconds = 20.0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        # The head of a later request on the same connection; that of the first counts from the connection on.
        self._arm()
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._disarm()
        super().on_headers_complete()

    def _arm(self) -> None:
        if self._deadline is None:
            self._deadline = self.loop.call_later(self.head_seconds, self.transport.close)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


def with_deadline(head_seconds: float) -> type[HeadDeadline]:
    """The protocol with that deadline; the server makes its instances itself."""
    return type("HeadDeadline", (HeadDeadline,), {"head_seconds": head_seconds})
