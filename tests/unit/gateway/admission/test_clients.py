"""The signed addresses of browsers, which the web page sends back."""

from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from services.gateway.admission.clients import HEADER, MAX_AGE_SECONDS, ClientTickets, NamedClient

PAGE = ("10.0.0.7", 4711)


class Seen:
    """An application that notes who asks."""

    client: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.client = scope["client"]


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


async def asked(tickets: ClientTickets, ticket: str, path: str = "/api/v1/fleet") -> Any:
    seen = Seen()
    headers = [(HEADER, ticket.encode("latin-1"))]
    scope = {"type": "http", "path": path, "client": PAGE, "headers": headers}

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    async def send(_message: Message) -> None:
        return

    await NamedClient(seen, tickets)(scope, receive, send)
    return seen.client


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
async def test_a_call_of_the_page_counts_for_the_browser_it_serves(address: str) -> None:
    tickets = ClientTickets()
    assert await asked(tickets, tickets.issue(address)) == (address, 0)
    # Pages, metrics and readiness are asked for by whoever connects.
    assert await asked(tickets, tickets.issue(address), "/metrics") == PAGE


async def test_a_ticket_is_good_for_a_minute_and_cannot_be_made_up() -> None:
    clock = Clock()
    tickets = ClientTickets("key", now=clock)
    ticket = tickets.issue("192.0.2.1")
    forged = [
        ticket.replace("192.0.2.1", "192.0.2.2"),
        ticket[:-1] + ("0" if ticket[-1] != "0" else "1"),
        "9999999999|192.0.2.1|" + "0" * 64,
        ClientTickets("another", now=clock).issue("192.0.2.1"),
        "",
        "|",
        "\xff|\xff|\xff",
    ]
    assert [await asked(tickets, each) for each in forged] == [PAGE] * len(forged)
    assert await asked(ClientTickets("key", now=clock), ticket) == ("192.0.2.1", 0), "gateways share the key"
    clock.now += MAX_AGE_SECONDS + 1
    assert await asked(tickets, ticket) == PAGE
