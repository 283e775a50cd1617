"""Runs an application as a process, with background tasks that live as long as the application."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import structlog
import uvicorn
from fastapi import FastAPI

GRACEFUL_SHUTDOWN_SECONDS = 15
# How long an idle connection stays open. Load balancers keep theirs for 60 seconds (nginx, AWS), clients for
# less: whoever waits less than the other side never sends a request on a connection that is being closed.
IDLE_CONNECTION_SECONDS = 75
# How long our own clients keep one, for the same reason.
REUSE_CONNECTION_SECONDS = 30
# The exit status of uvicorn for a failed start.
START_FAILED = 3
logger = structlog.get_logger(__name__)


def serve(
    app: FastAPI,
    *,
    host: str,
    port: int,
    trusted_proxies: tuple[str, ...] = (),
    on_stop: Callable[[], None] | None = None,
    protocol: type[asyncio.Protocol] | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT, then finish the requests in flight.

    X-Forwarded-For is trusted from `trusted_proxies` only. `on_stop` is called when a stop is requested, so
    that streaming responses can end. It runs as a signal handler: it must only set a flag or schedule work.
    `protocol` replaces the HTTP protocol class of the server.
    """
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        loop="uvloop",
        http=protocol or "httptools",
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=True,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_keep_alive=IDLE_CONNECTION_SECONDS,
        timeout_graceful_shutdown=GRACEFUL_SHUTDOWN_SECONDS,
    )
    server = _Server(config, on_stop)
    try:
        server.run()
    except KeyboardInterrupt:
        return
    if not server.started:
        sys.exit(START_FAILED)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_stop: Callable[[], None] | None) -> None:
        super().__init__(config)
        self._on_stop = on_stop

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._on_stop is not None:
            self._on_stop()
        super().handle_exit(sig, frame)


@asynccontextmanager
async def background(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run endless tasks during the block. If one fails, the process ends, and its supervisor restarts it."""
    tasks = [asyncio.create_task(coroutine) for coroutine in work]
    for task in tasks:
        task.add_done_callback(_end_on_failure)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _end_on_failure(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        logger.critical("background task failed, ending the process", exc_info=error)
        signal.raise_signal(signal.SIGTERM)
