"""Headers that every response carries, limits that no request may exceed, and the access log."""

import time

import structlog
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from services.gateway.errors import AddressTooLong, HeadersTooLarge
from services.gateway.routing import PREFIX
from shared.errors import DInsightError
from shared.http.problems import render

# Browsers stay below 8 KiB for both; tokens with several hundred memberships still fit.
MAX_HEADERS_BYTES = 32 * 1024
MAX_HEADERS = 100
MAX_ADDRESS_BYTES = 8 * 1024

SECURITY_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
# Responses are data. A page that needs more sets its own policy.
CONTENT_SECURITY_POLICY = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
# Two years, the minimum that browsers' preload lists require.
STRICT_TRANSPORT = "max-age=63072000; includeSubDomains"
QUIET_PATHS = ("/health/", "/metrics")

logger = structlog.get_logger(__name__)


class Edge:
    """Limits addresses and headers, adds security headers, and writes the access log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        client = scope["client"][0] if scope["client"] else None
        # The header X-Forwarded-For, which services trust, is not trusted here.
        structlog.contextvars.bind_contextvars(client_address=client)
        began = time.perf_counter()
        status, media_type = 0, ""

        async def forward(message: Message) -> None:
            nonlocal status, media_type
            if message["type"] == "http.response.start":
                status = message["status"]
                media_type = MutableHeaders(scope=message).get("Content-Type", "").partition(";")[0]
                _secure(MutableHeaders(scope=message), scope)
            await send(message)

        try:
            refusal = _refusal(scope)
            if refusal is None:
                return await self._app(scope, receive, forward)
            await render(Request(scope), refusal)(scope, receive, forward)
        finally:
            if not scope["path"].startswith(QUIET_PATHS):
                logger.info(
                    "request",
                    method=scope["method"],
                    path=scope["path"],
                    status=status or None,
                    media_type=media_type or None,
                    seconds=round(time.perf_counter() - began, 4),
                )


def middleware(allowed_origins: tuple[str, ...]) -> list[Middleware]:
    """The outermost first."""
    cross_origin = Middleware(
        CORSMiddleware,
        allow_origins=allowed_origins,
        allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE"],
        allow_headers=[
            "Authorization",
            "Content-Type",
            "X-API-Key",
            "X-Organization-Id",
            "Idempotency-Key",
            "Last-Event-ID",
        ],
        expose_headers=["Location", "Retry-After", "Idempotency-Replayed", "RateLimit", "RateLimit-Policy"],
    )
    return [Middleware(Edge), *([cross_origin] if allowed_origins else [])]


def _refusal(scope: Scope) -> DInsightError | None:
    if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_ADDRESS_BYTES:
        return AddressTooLong(MAX_ADDRESS_BYTES)
    sizes = [len(name) + len(value) for name, value in scope["headers"]]
    if len(sizes) > MAX_HEADERS or sum(sizes) > MAX_HEADERS_BYTES:
        return HeadersTooLarge(MAX_HEADERS, MAX_HEADERS_BYTES)
    return None


def _secure(headers: MutableHeaders, scope: Scope) -> None:
    for name, value in SECURITY_HEADERS.items():
        headers[name] = value
    # Without a referrer, browsers send the origin `null` with a form; pages, which check it, set their own.
    headers.setdefault("Referrer-Policy", "no-referrer")
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    # Data of an organization stays out of caches, unless the service says that a response is public.
    if scope["path"].startswith(PREFIX):
        headers.setdefault("Cache-Control", "no-store")
    if scope["scheme"] == "https":
        headers["Strict-Transport-Security"] = STRICT_TRANSPORT
