"""Bytes of a request's head are counted as they arrive, and a head without end is cut."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send
from uvicorn import Config
from uvicorn.server import ServerState

from services.gateway.admission.clients import ClientTickets
from services.gateway.admission.connections import (
    MAX_HEAD_BYTES,
    MAX_PIPELINED_REQUESTS,
    GatewayProtocol,
    protocol,
)
from services.gateway.admission.open_connections import OpenConnections

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
# The most that the event loop delivers at once, and less.
PIECES = (256 * 1024, 10_000, 100)
ENDLESS = 8 * 1024 * 1024


class Transport(asyncio.Transport):
    """A transport that records what is written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class Connection:
    """The client's side of a connection."""

    def __init__(self, app: Callable[..., Any], protocol: type[GatewayProtocol] = GatewayProtocol) -> None:
        self.transport = Transport()
        config = Config(app, log_config=None, access_log=False)
        self.protocol = protocol(config, ServerState(), {})
        self.protocol.connection_made(self.transport)

    def send(self, data: bytes) -> None:
        self.protocol.data_received(data)

    def send_without_end(self, data: bytes, size: int) -> int:
        """Send `data` repeatedly, in pieces of `size`, until the connection closes; return how much."""
        piece = (data * (size // len(data) + 1))[:size]
        sent = 0
        while sent < ENDLESS and not self.transport.closed:
            self.send(piece)
            sent += size
        return sent

    @property
    def status(self) -> bytes:
        return self.transport.written.partition(b"\r\n")[0]


async def echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Respond with the size of the body."""
    size, more = 0, True
    while more:
        message = await receive()
        size += len(message.get("body", b""))
        more = message.get("more_body", False)
    body = str(size).encode()
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": 200, "headers": [length]})
    await send({"type": "http.response.body", "body": body})


async def silent(scope: Scope, receive: Receive, send: Send) -> None:
    await asyncio.Event().wait()


@pytest.fixture
async def connection() -> Connection:
    return Connection(echo)


@pytest.fixture
async def busy() -> AsyncIterator[Connection]:
    """A connection whose requests get no response."""
    made = Connection(silent)
    yield made
    for task in made.protocol.tasks:
        task.cancel()


async def answered(connection: Connection) -> None:
    await asyncio.gather(*connection.protocol.tasks)


@pytest.mark.parametrize("size", PIECES)
@pytest.mark.parametrize(
    ("beginning", "rest", "status"),
    [
        (b"GET /", b"a", b"HTTP/1.1 414 Address too long"),
        (REQUEST + b"X: ", b"a", b"HTTP/1.1 431 Headers too large"),
        (REQUEST, b"X: y\r\n", b"HTTP/1.1 431 Headers too large"),
        (REQUEST + b"X", b"x", b"HTTP/1.1 431 Headers too large"),
        (b"", b"\r\n", b"HTTP/1.1 431 Headers too large"),
    ],
)
async def test_a_head_without_end_is_cut(
    connection: Connection, beginning: bytes, rest: bytes, status: bytes, size: int
) -> None:
    connection.send(beginning)
    sent = connection.send_without_end(rest, size)
    assert connection.transport.closed
    assert sent <= MAX_HEAD_BYTES + size
    assert connection.status == status
    assert b"application/problem+json" in connection.transport.written


@pytest.mark.parametrize("size", PIECES)
@pytest.mark.parametrize(
    ("beginning", "rest"),
    [(b"0\r\nX: ", b"a"), (b"0\r\n", b"X: y\r\n"), (b"1;", b"a")],
    ids=["a trailer", "trailers", "an extension of a chunk"],
)
async def test_the_frame_of_a_body_without_end_is_cut(
    busy: Connection, beginning: bytes, rest: bytes, size: int
) -> None:
    busy.send(CHUNKED + beginning)
    assert busy.send_without_end(rest, size) <= 2 * MAX_HEAD_BYTES + size
    assert busy.transport.closed
    # A response may be in progress: nothing is written into it.
    assert busy.transport.written == b""


async def test_a_head_that_follows_a_body_is_cut_too(connection: Connection) -> None:
    connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + REQUEST + b"X: ")
    assert connection.send_without_end(b"a", 1_000) <= 2 * MAX_HEAD_BYTES
    assert connection.transport.closed


@pytest.mark.parametrize("size", PIECES)
async def test_the_largest_head_passes(connection: Connection, size: int) -> None:
    head = REQUEST + b"X: "
    head += b"a" * (MAX_HEAD_BYTES - len(head) - 5) + b"\r\n\r\n"
    for begin in range(0, len(head), size):
        connection.send(head[begin : begin + size])
    await answered(connection)
    assert connection.status == b"HTTP/1.1 200 OK"
    assert not connection.transport.closed


@pytest.mark.parametrize("size", PIECES)
async def test_a_body_is_not_counted(connection: Connection, size: int) -> None:
    body = b"x" * (20 * MAX_HEAD_BYTES)
    connection.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body))
    for begin in range(0, len(body), size):
        connection.send(body[begin : begin + size])
    await answered(connection)
    assert connection.transport.written.endswith(str(len(body)).encode())


async def test_small_chunks_are_not_counted_either(connection: Connection) -> None:
    connection.send(CHUNKED + b"1\r\na\r\n" * MAX_HEAD_BYTES + b"0\r\n\r\n")
    await answered(connection)
    assert connection.transport.written.endswith(str(MAX_HEAD_BYTES + 3).encode())


async def test_requests_that_do_not_wait_for_answers_are_bounded(busy: Connection) -> None:
    request = REQUEST + b"\r\n"
    busy.send(request * MAX_PIPELINED_REQUESTS)
    assert not busy.transport.closed
    busy.send(request * 2)
    assert busy.transport.closed


async def test_the_next_request_of_a_connection_has_its_own_count(connection: Connection) -> None:
    request = REQUEST + b"X: " + b"a" * (MAX_HEAD_BYTES // 2) + b"\r\n\r\n"
    for _ in range(5):
        connection.send(request)
        await answered(connection)
    assert connection.transport.written.count(b"HTTP/1.1 200 OK") == 5


async def test_connections_beyond_the_maximum_are_told_and_closed() -> None:
    bounds = {"open_connections": OpenConnections(1, 1)}
    bounded = type("Bounded", (GatewayProtocol,), bounds)
    first, second = Connection(echo, bounded), Connection(echo, bounded)
    assert not first.transport.closed
    assert second.transport.closed
    assert second.status == b"HTTP/1.1 429 Too many requests"
    assert b"Retry-After: " in second.transport.written
    second.protocol.connection_lost(None)
    assert Connection(echo, bounded).transport.closed, "what was refused gave no place back"
    first.protocol.connection_lost(None)
    assert not Connection(echo, bounded).transport.closed


async def test_a_thousand_visitors_of_the_page_are_not_one_address() -> None:
    """The page holds a connection for each of them. A ticket of one's own making does not help."""
    tickets = ClientTickets("key")
    bounded = protocol(20.0, OpenConnections(5, 2), tickets)

    def opened(ticket: str) -> Connection:
        made = Connection(silent, bounded)
        if not made.transport.closed:
            made.send(REQUEST + b"X-DInsight-Client: " + ticket.encode() + b"\r\n\r\n")
        return made

    pages = [opened(tickets.issue(f"192.0.2.{visitor}")) for visitor in range(3)]
    others = [opened(ClientTickets("another key").issue("192.0.2.9")) for _ in range(3)]
    assert [each.transport.closed for each in (*pages, *others)] == [False] * 5 + [True]
    for each in (*pages, *others):
        for task in each.protocol.tasks:
            task.cancel()
        each.protocol.connection_lost(None)
    assert not any(Connection(echo, bounded).transport.closed for _ in range(2)), "all places came back"
