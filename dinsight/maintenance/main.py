"""Composition root of the program `maintenance`, which runs the steps every night."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import structlog
from fastapi import FastAPI
from opentelemetry import metrics

from dinsight.maintenance import runs
from dinsight.maintenance.context import MaintenanceContext
from dinsight.maintenance.settings import Settings
from dinsight.maintenance.steps import run
from shared.errors import Unavailable
from shared.http.application import build_application
from shared.jobs.loop import Loop
from shared.jobs.nightly import RETRY, is_due
from shared.observability.setup import set_up
from shared.process import background, serve
from shared.retention import RetentionSettings
from shared.settings import InstallationSettings

ROUND_SECONDS = 60.0

logger = structlog.get_logger(__name__)


class Nightly:
    """`step` does what is due, also if the night's run was missed, and measures how old the last one is."""

    def __init__(self, context: MaintenanceContext, *, hour: int) -> None:
        self._context = context
        self._hour = hour
        self._age = metrics.get_meter("dinsight.maintenance").create_gauge(
            "dinsight_maintenance_age", "s", "Time since the last successful run of maintenance"
        )

    async def step(self) -> None:
        """Raises Unavailable if a step of the run failed."""
        async with self._context.connected() as connection:
            self._measure(await runs.last_success(connection))
            last = await runs.last_begun(connection)
        if not is_due(self._context.now, last, self._hour):
            return
        failed = []
        async for outcome in run(self._context):
            logger.info(
                "maintenance",
                step=outcome.step,
                count=outcome.done.count,
                bytes=outcome.done.bytes,
                notes=outcome.done.notes,
                error=outcome.error,
            )
            failed += [f"{outcome.step}: {outcome.error}"] if outcome.error else []
        if failed:
            raise Unavailable("; ".join(failed))
        async with self._context.connected() as connection:
            self._measure(await runs.last_success(connection))

    def _measure(self, last: datetime | None) -> None:
        if last is not None:
            self._age.set((self._context.now - last).total_seconds())


def create_app(installation: InstallationSettings, settings: Settings) -> FastAPI:
    context = MaintenanceContext(
        admin_dsn=settings.database_url.get_secret_value(),
        storage_url=installation.storage_url,
        retention=RetentionSettings(),
        installation=installation,
    )
    nightly = Nightly(context, hour=settings.hour)
    loop = Loop("nightly maintenance", nightly.step, every=ROUND_SECONDS, retry=RETRY)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with background(loop.run()):
            yield

    return build_application(
        service="maintenance",
        description="Archives, exports and deletes what has been kept for long enough.",
        lifespan=lifespan,
        checks={loop.name: loop.check},
        openapi_url=None,
    )


def main() -> None:
    installation, settings = InstallationSettings(), Settings()
    set_up("maintenance", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_app(installation, settings), host=installation.host, port=settings.port)


if __name__ == "__main__":
    main()
