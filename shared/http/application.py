"""Builds a service's FastAPI application with problems, health, metrics and traces."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import structlog
from fastapi import Depends, FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http import problems
from shared.http.document import Application
from shared.http.query import refuse_unknown_query
from shared.http.standing import Standing

Check = Callable[[], Awaitable[None]]
CHECK_TIMEOUT_SECONDS = 3.0
# JSON bodies are small. Uploads have a limit of their own in the analysis service.
MAX_JSON_BODY_BYTES = 1024 * 1024
MAX_USER_AGENT_LENGTH = 500
OPERATIONS_PATHS = ("/health/", "/metrics")

logger = structlog.get_logger(__name__)


class _RequestContext:
    """Starts each request with a fresh logging context that holds the client; the audit trail reads it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        structlog.contextvars.clear_contextvars()
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            # The gateway, the single entry point, sets the header to the address that it saw.
            forwarded = headers.get("X-Forwarded-For") or (scope["client"] or ("",))[0]
            structlog.contextvars.bind_contextvars(
                client_address=forwarded or None,
                user_agent=headers.get("User-Agent", "")[:MAX_USER_AGENT_LENGTH] or None,
            )
        await self._app(scope, receive, send)


def build_application(
    *,
    service: str,
    description: str,
    lifespan: Callable[[], AbstractAsyncContextManager[None]],
    checks: Mapping[str, Check],
    middleware: Sequence[Middleware] = (),
    outermost: Sequence[Middleware] = (),
    max_body_size: int | None = MAX_JSON_BODY_BYTES,
    details: Mapping[str, Check] | None = None,
    openapi_url: str | None = "/openapi.json",
    standing: Standing | None = None,
) -> FastAPI:
    """`checks` are named probes that raise while the service is not ready.

    `details` are probed and reported with them, and do not decide readiness. Errors of `middleware` are
    answered like those of a route; `outermost` wraps these responses too. `standing` is asked
    about files that take longer than their token is valid.
    """

    @asynccontextmanager
    async def run(_app: FastAPI) -> AsyncIterator[None]:
        async with lifespan():
            yield

    app = Application(
        title=f"DInsight {service}",
        description=description,
        version="1",
        standing=standing,
        lifespan=run,
        dependencies=[Depends(refuse_unknown_query)],
        middleware=[Middleware(_RequestContext), *outermost, problems.middleware(), *middleware],
        openapi_url=openapi_url,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=_operation_id,
        max_body_size=max_body_size,
        telemetry={
            "exclude": lambda scope: str(scope.get("path", "")).startswith(OPERATIONS_PATHS),
            "logs": False,
            "operation_spans": False,
        },
    )
    problems.install(app)
    add_operations_routes(app, checks, details or {})
    return app


def add_operations_routes(app: FastAPI, checks: Mapping[str, Check], details: Mapping[str, Check]) -> None:
    @app.get("/health/live", include_in_schema=False)
    async def live() -> dict[str, str]:
        return {"status": "alive"}

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> Response:
        probes = {**details, **checks}
        outcomes = await asyncio.gather(*(_probe(check) for check in probes.values()))
        found = dict(zip(probes, outcomes, strict=True))
        body = {"status": "ready" if all(found[name] == "ok" for name in checks) else "not ready", **found}
        return JSONResponse(body, 200 if body["status"] == "ready" else 503)

    @app.get("/metrics", include_in_schema=False)
    async def metrics(_request: Request) -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _probe(check: Check) -> str:
    try:
        await asyncio.wait_for(check(), CHECK_TIMEOUT_SECONDS)
    except Exception as error:  # whatever is wrong, the service is not ready
        logger.info("not ready", error=f"{type(error).__name__}: {error}")
        return "unreachable"
    return "ok"


def _operation_id(route: APIRoute) -> str:
    return route.name
