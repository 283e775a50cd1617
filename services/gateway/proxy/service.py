"""The streaming proxy: bodies pass in pieces, in both directions, and are never held in memory as a whole."""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
import structlog
from opentelemetry.propagate import inject
from starlette.datastructures import Headers
from starlette.types import Receive, Scope, Send
from yarl import URL

from services.gateway import routing
from services.gateway.admission.clients import HEADER, ClientTickets
from services.gateway.admission.middleware import IDENTITY
from services.gateway.errors import (
    BodyTooLarge,
    BodyTooSlow,
    ResponseInterrupted,
    ResponseTimeout,
    ServiceDown,
    UnknownPath,
)
from services.gateway.proxy import headers
from services.gateway.routing import Service
from shared.errors import DInsightError, Unavailable
from shared.http.caller import Guard
from shared.process import REUSE_CONNECTION_SECONDS

# Single sign-on binds its flow to the browser with one; the page keeps its session in them.
READ_COOKIES = frozenset({Service.AUTH, Service.WEB})
# Headers that the HTTP client would add; what the caller did not send is not sent.
NOT_ADDED = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")

logger = structlog.get_logger(__name__)


class ClientDisconnected(Exception):
    """The client hung up while it was sending its body."""


@dataclass(frozen=True, slots=True)
class Limits:
    connect_seconds: float
    idle_seconds: float
    max_upload_bytes: int
    min_bytes_per_second: float


class TimeBudget:
    """How long the rest of a body is waited for. Waiting uses the budget up, and received bytes restore it.

    Only waiting for the client counts: a service that reads slowly is not the client's fault.
    """

    def __init__(self, idle_seconds: float, min_bytes_per_second: float) -> None:
        self._idle_seconds = idle_seconds
        self._min_bytes_per_second = min_bytes_per_second
        self.remaining = idle_seconds

    def received(self, size: int, waited: float) -> None:
        restored = size / self._min_bytes_per_second
        self.remaining = min(self._idle_seconds, max(0.0, self.remaining - waited) + restored)


class RequestBody:
    """The client's body as it arrives. `failure` and `disconnected` say why it ended early."""

    def __init__(self, receive: Receive, *, exists: bool, limit: int, budget: TimeBudget) -> None:
        self._receive = receive
        self._limit = limit
        self._budget = budget
        self._ended = asyncio.Event()
        self.exists = exists
        self.failure: DInsightError | None = None
        self.disconnected = False
        if not exists:
            self._ended.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, more = 0, True
        while more:
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._budget.remaining):
                    message = await self._receive()
            except TimeoutError:
                self.failure = BodyTooSlow()
                raise self.failure from None
            if message["type"] == "http.disconnect":
                self.disconnected = True
                raise ClientDisconnected
            piece = message.get("body", b"")
            self._budget.received(len(piece), time.monotonic() - began)
            size += len(piece)
            if size > self._limit:
                self.failure = BodyTooLarge(self._limit)
                raise self.failure
            more = message.get("more_body", False)
            if piece:
                yield piece
        self._ended.set()

    async def disconnect(self) -> None:
        """Return when the client hangs up after its body was read."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            continue


class Proxy:
    """The ASGI application for every path that is not the gateway's own."""

    def __init__(
        self, addresses: Mapping[Service, str], guard: Guard, tickets: ClientTickets, limits: Limits
    ) -> None:
        self._addresses = {service: address.rstrip("/") for service, address in addresses.items()}
        self._guard = guard
        self._tickets = tickets
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            # Unlimited: a request that waits for a connection would look like a slow service.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=REUSE_CONNECTION_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._limits.connect_seconds, sock_read=self._limits.idle_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=NOT_ADDED,
            auto_decompress=False,
        ) as session:
            self._session = session
            yield
        self._session = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        rule = routing.find(path)
        if rule is None or rule.service not in self._addresses:
            raise UnknownPath(path)
        is_page = rule.service is Service.WEB
        if not is_page and IDENTITY not in scope and not routing.is_open(scope["method"], path):
            await self._guard.identify(Headers(scope=scope).get("Authorization"))
        limit = rule.max_body_bytes(self._limits.max_upload_bytes)
        if (headers.content_length(scope["headers"]) or 0) > limit:
            raise BodyTooLarge(limit)
        body = RequestBody(
            receive,
            exists=headers.has_body(scope["headers"]),
            limit=limit,
            budget=TimeBudget(self._limits.idle_seconds, self._limits.min_bytes_per_second),
        )
        exchange = asyncio.create_task(self._exchange(rule.service, scope, body, send))
        disconnect = asyncio.create_task(body.disconnect())
        try:
            await asyncio.wait((exchange, disconnect), return_when=asyncio.FIRST_COMPLETED)
            if exchange.done():
                exchange.result()
        finally:
            # If the client is gone, the service sees its request cancelled.
            exchange.cancel()
            disconnect.cancel()
            await asyncio.gather(exchange, disconnect, return_exceptions=True)

    async def _exchange(self, service: Service, scope: Scope, body: RequestBody, send: Send) -> None:
        try:
            response = await self._request(service, scope, body)
        except (aiohttp.ClientError, TimeoutError) as error:
            if body.disconnected:
                return
            if body.failure is not None:
                raise body.failure from error
            logger.warning("service failed", service=service, error=f"{type(error).__name__}: {error}")
            raise _problem(service, error) from error
        async with response:
            await self._forward(service, response, send)

    async def _request(self, service: Service, scope: Scope, body: RequestBody) -> aiohttp.ClientResponse:
        if self._session is None:
            raise Unavailable("The gateway is starting. Try again shortly.")
        trace: dict[str, str] = {}
        inject(trace)
        client = scope["client"]
        # The path is passed on exactly as it came: decoding and encoding it could change what it names.
        target = scope["raw_path"].decode("latin-1").partition("?")[0]
        if query := scope["query_string"].decode("latin-1"):
            target += "?" + query
        passed = headers.for_service(
            scope["headers"],
            client_address=client[0] if client else None,
            scheme=scope["scheme"],
            trace=trace,
            cookies=service in READ_COOKIES,
        )
        if service is Service.WEB:
            # The page compares a form's origin with the address that the browser shows.
            passed["X-Forwarded-Host"] = Headers(scope=scope).get("Host", "")
            if client:
                passed[HEADER.decode()] = self._tickets.issue(client[0])
        return await self._session.request(
            scope["method"],
            URL(self._addresses[service] + target, encoded=True),
            headers=passed,
            data=aiter(body) if body.exists else None,
            allow_redirects=False,
        )

    async def _forward(self, service: Service, response: aiohttp.ClientResponse, send: Send) -> None:
        await send(
            {
                "type": "http.response.start",
                "status": response.status,
                "headers": headers.for_client(response.raw_headers, service_url=self._addresses[service]),
            }
        )
        try:
            async for piece in response.content.iter_any():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except (aiohttp.ClientError, TimeoutError) as error:
            # Returning without the last message makes the server close the connection, so that the client can
            # tell an interrupted response from a complete one.
            logger.warning("response interrupted", service=service, error=f"{type(error).__name__}: {error}")
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _problem(service: Service, error: aiohttp.ClientError | TimeoutError) -> DInsightError:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return ServiceDown(service)
    if isinstance(error, TimeoutError):
        return ResponseTimeout(service)
    return ResponseInterrupted(service)
