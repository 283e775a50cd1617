"""A gateway on a real port, in front of a small service that tests can inspect."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import psutil
import uvicorn
from aiohttp import web
from fastapi import FastAPI

from services.gateway.admission.connections import GatewayProtocol, protocol
from services.gateway.main import create_app, open_connections
from services.gateway.settings import Settings
from shared.http.standing import PATH as ACCESS_PATH
from shared.infrastructure import JWKS_PATH
from shared.settings import InstallationSettings
from tests.support.tokens import TokenIssuer
from tests.support.waiting import eventually

PIECE = bytes(range(256)) * 256


@dataclass
class Upstream:
    """Stands in for all services. It records the requests that reached it and those that were cancelled."""

    tokens: TokenIssuer
    requests: list[web.Request] = field(default_factory=list)
    cancelled: list[str] = field(default_factory=list)
    # The API keys that auth accepts, with the token of each.
    keys_known: dict[str, str] = field(default_factory=dict)
    exchanges: int = 0
    received: int = 0
    peak_memory: int = 0

    def app(self) -> web.Application:
        app = web.Application(client_max_size=0)
        app.router.add_get(JWKS_PATH, self.keys)
        app.router.add_post("/internal/api-keys/token", self.exchange)
        app.router.add_post(ACCESS_PATH, self.tokens.confirm)
        app.router.add_get("/health/ready", self.echo)
        app.router.add_post("/api/v1/analyses", self.take)
        app.router.add_get("/api/v1/file-uploads/large", self.give)
        app.router.add_get("/api/v1/analyses/broken", self.break_off)
        app.router.add_get("/api/v1/analyses/slow", self.wait)
        app.router.add_get("/api/v1/analyses/silent", self.hang_up)
        app.router.add_get("/api/v1/machines/redirect", self.redirect)
        app.router.add_route("*", "/api/v1/{rest:.*}", self.echo)
        return app

    async def keys(self, _request: web.Request) -> web.Response:
        return web.json_response(self.tokens.jwks())

    async def exchange(self, request: web.Request) -> web.Response:
        self.exchanges += 1
        token = self.keys_known.get((await request.json())["api_key"])
        if token is None:
            return web.json_response({}, status=401)
        return web.json_response({"access_token": token, "expires_in": 300, "key_id": str(uuid4())})

    async def echo(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        body = (await request.read()).decode()
        answer = {
            "path": request.raw_path,
            "method": request.method,
            "headers": {name.title(): value for name, value in request.headers.items()},
            "body": body,
        }
        headers = {"Server": "secret/1.0", "X-Kept": "yes", "Connection": "X-Private", "X-Private": "1"}
        return web.json_response(answer, headers=headers)

    async def take(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        try:
            async for piece in request.content.iter_any():
                self.received += len(piece)
                self.peak_memory = max(self.peak_memory, memory())
        except (ConnectionError, asyncio.CancelledError):
            self.cancelled.append(request.path)
            raise
        return web.json_response({"received": self.received}, status=202)

    async def give(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Encoding": "x-raw"})
        await response.prepare(request)
        for _ in range(int(request.query["pieces"])):
            await response.write(PIECE)
            self.peak_memory = max(self.peak_memory, memory())
        return response

    async def break_off(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000"})
        await response.prepare(request)
        await response.write(b"x" * 100)
        assert request.transport is not None
        request.transport.close()
        return response

    async def hang_up(self, request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.close()
        return web.Response()

    async def wait(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled.append(request.path)
            raise
        return web.Response()

    async def redirect(self, request: web.Request) -> web.Response:
        place = f"http://{request.headers['Host']}/api/v1/machines/elsewhere"
        return web.Response(status=307, headers={"Location": place})

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        runner = web.AppRunner(self.app(), handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        host, port = runner.addresses[0][:2]
        try:
            yield f"http://{host}:{port}"
        finally:
            await runner.cleanup()


def memory() -> int:
    """The resident memory of this process, in bytes."""
    return int(psutil.Process().memory_info().rss)


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals to the test run."""
        yield


@asynccontextmanager
async def listening(app: FastAPI, http: type[asyncio.Protocol] = GatewayProtocol) -> AsyncIterator[str]:
    """Serve the application on a free port, as in production; yields its address."""
    config = uvicorn.Config(
        app,
        port=0,
        http=http,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=2,
    )
    server = _Server(config)
    task = asyncio.create_task(server.serve())

    async def started() -> bool:
        assert not task.done(), "the server ended while it started"
        return server.started

    try:
        await eventually(started, what="the server's start")
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


def everything_at(installation: InstallationSettings, address: str) -> InstallationSettings:
    """The same installation with all services at one address."""
    names = ("auth_url", "machines_url", "analysis_url", "alerting_url")
    return installation.model_copy(update=dict.fromkeys(names, address))


@asynccontextmanager
async def gateway(
    installation: InstallationSettings, upstream_address: str, **values: Any
) -> AsyncIterator[str]:
    """A gateway in front of the upstream; yields its address."""
    settings = Settings.model_validate(values)
    app = create_app(everything_at(installation, upstream_address), settings)
    async with listening(
        app, protocol(settings.head_seconds, open_connections(settings), app.state.tickets)
    ) as address:
        yield address
