"""The streaming proxy: bodies pass piece by piece, in both directions, and never lie in memory whole."""

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
from services.gateway.admission.middleware import IDENTITY
from services.gateway.errors import (
    AnswerBroken,
    AnswerTooLate,
    BodyTooLarge,
    BodyTooSlow,
    ServiceDown,
    UnknownPath,
)
from services.gateway.proxy import headers
from services.gateway.routing import Service
from shared.errors import DInsightError, Unavailable
from shared.http.caller import Guard

# Below the five seconds after which the services close an idle connection: none is reused while it closes.
KEEP_ALIVE_SECONDS = 2.0
# What the client did not send is not made up for it.
NOT_MADE_UP = ("User-Agent", "Accept", "Accept-Encoding", "Content-Type")

logger = structlog.get_logger(__name__)


class ClientGone(Exception):
    """The client hung up while it sent its body."""


@dataclass(frozen=True, slots=True)
class Limits:
    connect_seconds: float
    idle_seconds: float
    largest_upload_bytes: int
    slowest_bytes_per_second: float


class Patience:
    """How long the rest of a body is waited for. Waiting uses it up, and bytes that come bring it back.

    Only the wait for the client counts: a service that reads slowly is not the client's fault.
    """

    def __init__(self, idle_seconds: float, slowest_bytes_per_second: float) -> None:
        self._idle_seconds = idle_seconds
        self._slowest = slowest_bytes_per_second
        self.left = idle_seconds

    def came(self, size: int, waited: float) -> None:
        self.left = min(self._idle_seconds, max(0.0, self.left - waited) + size / self._slowest)


class RequestBody:
    """The client's body as it arrives. `failure` or `gone` say why it ended early."""

    def __init__(self, receive: Receive, *, exists: bool, limit: int, patience: "Patience") -> None:
        self._receive = receive
        self._limit = limit
        self._patience = patience
        self._ended = asyncio.Event()
        self.exists = exists
        self.failure: DInsightError | None = None
        self.gone = False
        if not exists:
            self._ended.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size, more = 0, True
        while more:
            began = time.monotonic()
            try:
                async with asyncio.timeout(self._patience.left):
                    message = await self._receive()
            except TimeoutError:
                self.failure = BodyTooSlow()
                raise self.failure from None
            if message["type"] == "http.disconnect":
                self.gone = True
                raise ClientGone
            piece = message.get("body", b"")
            self._patience.came(len(piece), time.monotonic() - began)
            size += len(piece)
            if size > self._limit:
                self.failure = BodyTooLarge(self._limit)
                raise self.failure
            more = message.get("more_body", False)
            if piece:
                yield piece
        self._ended.set()

    async def hang_up(self) -> None:
        """Return when the client has hung up after its body was read."""
        await self._ended.wait()
        while (await self._receive())["type"] != "http.disconnect":
            continue


class Proxy:
    """An ASGI application for every path that is not the gateway's own."""

    def __init__(self, addresses: Mapping[Service, str], guard: Guard, limits: Limits) -> None:
        self._addresses = {service: address.rstrip("/") for service, address in addresses.items()}
        self._guard = guard
        self._limits = limits
        self._session: aiohttp.ClientSession | None = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with aiohttp.ClientSession(
            # No limit here: a client waiting in a queue could not be told from a slow service.
            connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_ALIVE_SECONDS),
            timeout=aiohttp.ClientTimeout(
                total=None, sock_connect=self._limits.connect_seconds, sock_read=self._limits.idle_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=NOT_MADE_UP,
            auto_decompress=False,
        ) as session:
            self._session = session
            yield
        self._session = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        rule = routing.find(path)
        if rule is None:
            raise UnknownPath(path)
        if IDENTITY not in scope and not routing.is_open(scope["method"], path):
            await self._guard.identify(Headers(scope=scope).get("Authorization"))
        limit = rule.largest_body(self._limits.largest_upload_bytes)
        if (headers.content_length(scope["headers"]) or 0) > limit:
            raise BodyTooLarge(limit)
        body = RequestBody(
            receive,
            exists=headers.has_body(scope["headers"]),
            limit=limit,
            patience=Patience(self._limits.idle_seconds, self._limits.slowest_bytes_per_second),
        )
        exchange = asyncio.create_task(self._exchange(rule.service, scope, body, send))
        hang_up = asyncio.create_task(body.hang_up())
        try:
            await asyncio.wait((exchange, hang_up), return_when=asyncio.FIRST_COMPLETED)
            if exchange.done():
                exchange.result()
        finally:
            # Whoever is left has nobody to work for: the service sees its request cancelled.
            exchange.cancel()
            hang_up.cancel()
            await asyncio.gather(exchange, hang_up, return_exceptions=True)

    async def _exchange(self, service: Service, scope: Scope, body: RequestBody, send: Send) -> None:
        try:
            response = await self._ask(service, scope, body)
        except (aiohttp.ClientError, TimeoutError) as error:
            if body.gone:
                return
            if body.failure is not None:
                raise body.failure from error
            logger.warning("service failed", service=service, error=f"{type(error).__name__}: {error}")
            raise _told(service, error) from error
        async with response:
            await self._pass_on(service, response, send)

    async def _ask(self, service: Service, scope: Scope, body: RequestBody) -> aiohttp.ClientResponse:
        if self._session is None:
            raise Unavailable("The gateway is starting. Try again shortly.")
        trace: dict[str, str] = {}
        inject(trace)
        client = scope["client"]
        # The path goes on exactly as it came: decoding and encoding again could change what it names.
        target = scope["raw_path"].decode("latin-1").partition("?")[0]
        if query := scope["query_string"].decode("latin-1"):
            target += "?" + query
        return await self._session.request(
            scope["method"],
            URL(self._addresses[service] + target, encoded=True),
            headers=headers.for_service(
                scope["headers"],
                client_address=client[0] if client else None,
                scheme=scope["scheme"],
                trace=trace,
            ),
            data=aiter(body) if body.exists else None,
            allow_redirects=False,
        )

    async def _pass_on(self, service: Service, response: aiohttp.ClientResponse, send: Send) -> None:
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
            # Returning without the last message makes the server close the connection, and so the client
            # can tell a broken answer from a whole one.
            logger.warning("answer broken", service=service, error=f"{type(error).__name__}: {error}")
            return
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _told(service: Service, error: aiohttp.ClientError | TimeoutError) -> DInsightError:
    if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
        return ServiceDown(service)
    if isinstance(error, TimeoutError):
        return AnswerTooLate(service)
    return AnswerBroken(service)
