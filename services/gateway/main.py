"""Composition root of the gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from services.gateway.admission import connections, edge
from services.gateway.admission.api_keys import ApiKeys
from services.gateway.admission.clients import ClientTickets, NamedClient
from services.gateway.admission.limits import RateLimits
from services.gateway.admission.middleware import Admission, MaxRequests
from services.gateway.admission.open_connections import OpenConnections, affordable
from services.gateway.admission.operations import Operations
from services.gateway.docs import routes as documents
from services.gateway.proxy.service import Limits, Proxy
from services.gateway.routing import Service
from services.gateway.settings import Settings
from services.gateway.stream import routes as stream
from services.gateway.stream.handlers import Feed
from services.gateway.stream.places import StreamPlaces
from services.gateway.stream.service import EventStreams
from shared.clock import SystemClock
from shared.ended import EndedAccess
from shared.errors import Unavailable
from shared.http.application import Check, build_application
from shared.http.caller import Guard
from shared.http.live_access import LiveAccess
from shared.http.peers import Peer
from shared.http.standing import Standing
from shared.infrastructure import JWKS_PATH
from shared.kafka.connection import KafkaConnection
from shared.kafka.ended_feed import EndedFeed
from shared.observability.setup import set_up
from shared.process import background, serve
from shared.settings import InstallationSettings
from shared.tokens import TokenVerifier


class Gateway:
    """The gateway's collaborators."""

    def __init__(self, installation: InstallationSettings, settings: Settings) -> None:
        addresses = {
            Service.AUTH: installation.auth_url,
            Service.MACHINES: installation.machines_url,
            Service.ANALYSIS: installation.analysis_url,
            Service.ALERTING: installation.alerting_url,
        }
        # The page can be left out; then only the API answers.
        if installation.web_url:
            addresses[Service.WEB] = installation.web_url
        self.tickets = ClientTickets(settings.client_key.get_secret_value())
        clock = SystemClock()
        self.kafka = KafkaConnection(installation, client_id="dinsight-gateway")
        self.peers = {service.value: Peer(url, name=service.value) for service, url in addresses.items()}
        self.ended = EndedAccess()
        self.streams = EventStreams(
            clock, capacity=settings.stream_events_per_organization, max_age=settings.stream_window
        )
        self.ended_feed = EndedFeed(self.kafka, self.ended, clock, on_ended=self.streams.wake)
        standing = Standing(self.peers[Service.AUTH])
        self.guard = Guard(TokenVerifier(self.fetch_keys), LiveAccess(self.ended, self.ended_feed, standing))
        self.api_keys = ApiKeys(self.peers[Service.AUTH])
        self.limits = RateLimits(
            settings.rate_limit_url.get_secret_value(), seconds=settings.rate_limit_seconds
        )
        self.proxy = Proxy(
            addresses,
            self.guard,
            self.tickets,
            Limits(
                settings.connect_seconds,
                settings.idle_seconds,
                settings.max_upload_bytes,
                settings.min_upload_bytes_per_second,
            ),
        )
        self.feed = Feed(self.kafka, self.streams, clock, lookback=settings.stream_window)

    async def fetch_keys(self) -> Mapping[str, Any]:
        try:
            return await self.peers[Service.AUTH].get(JWKS_PATH)
        except Unavailable as error:
            raise OSError(error.detail) from error

    async def check_keys(self) -> None:
        await self.fetch_keys()

    def upstream(self, name: str) -> Check:
        async def check() -> None:
            await self.peers[name].get("/health/ready")

        return check

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for peer in self.peers.values():
                await stack.enter_async_context(peer.open())
            await stack.enter_async_context(self.proxy.open())
            stack.push_async_callback(self.limits.close)
            await stack.enter_async_context(background(self.feed.loop.run(), self.ended_feed.loop.run()))
            yield


def create_app(installation: InstallationSettings, settings: Settings) -> FastAPI:
    gateway = Gateway(installation, settings)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        loop = asyncio.get_running_loop()
        app.state.end_streams = lambda: loop.call_soon_threadsafe(gateway.streams.close)
        async with gateway.running():
            yield

    app = build_application(
        service="gateway",
        description="The single entry point.",
        lifespan=lifespan,
        checks={
            "broker": gateway.kafka.ping,
            "keys": gateway.check_keys,
            "stream": gateway.feed.check,
            "ended access": gateway.ended_feed.check,
        },
        details={name: gateway.upstream(name) for name in gateway.peers},
        outermost=[
            Middleware(NamedClient, tickets=gateway.tickets),
            *edge.middleware(installation.allowed_origins),
        ],
        middleware=[
            Middleware(Operations, networks=settings.operations_networks),
            Middleware(
                Admission,
                api_keys=gateway.api_keys,
                guard=gateway.guard,
                limits=gateway.limits,
                max_requests=MaxRequests(
                    settings.address_requests_per_minute,
                    settings.caller_requests_per_minute,
                    settings.sign_in_requests_per_minute,
                ),
            ),
        ],
        # The proxy limits bodies, by route.
        max_body_size=None,
        openapi_url=None,
    )
    places = StreamPlaces(settings.max_caller_streams, settings.max_organization_streams)
    app.include_router(
        stream.build_router(gateway.streams, places, gateway.guard, gateway.ended, gateway.api_keys)
    )
    app.include_router(documents.build_router())
    app.router.default = gateway.proxy
    # The protocol, which is none of the application's, knows the page by them.
    app.state.tickets = gateway.tickets
    return app


def open_connections(settings: Settings) -> OpenConnections:
    most = affordable(settings.max_connections)
    return OpenConnections(most, settings.max_address_connections, settings.trusted_proxies)


def main() -> None:
    installation, settings = InstallationSettings(), Settings()
    set_up("gateway", log_level=installation.log_level, log_format=installation.log_format)
    app = create_app(installation, settings)

    def end_streams() -> None:
        end: Callable[[], None] | None = getattr(app.state, "end_streams", None)
        if end is not None:
            end()

    serve(
        app,
        host=installation.host,
        port=settings.port,
        trusted_proxies=settings.trusted_proxies,
        on_stop=end_streams,
        protocol=connections.protocol(settings.head_seconds, open_connections(settings), app.state.tickets),
    )


if __name__ == "__main__":
    main()
