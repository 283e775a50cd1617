"""Composition root of the program `backup`: ships WAL and files all the time, and backs up every night."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from opentelemetry import metrics

from dinsight.backup.context import BackupContext
from dinsight.backup.copying import FileCopies
from dinsight.backup.nightly import Nightly
from dinsight.backup.sealed import Sealer
from dinsight.backup.settings import Settings, Verify
from dinsight.backup.shipping import Shipping
from shared.clock import Clock, SystemClock
from shared.http.application import build_application
from shared.jobs.loop import Loop
from shared.jobs.nightly import RETRY
from shared.observability.setup import set_up
from shared.process import background, serve
from shared.settings import InstallationSettings

NIGHTLY_ROUND_SECONDS = 30.0
MEASURE_SECONDS = 5.0


class Gauges:
    """What is older than it should be. A gauge without a value says that nothing is known yet."""

    def __init__(self, shipping: Shipping, nightly: Nightly, clock: Clock) -> None:
        self._shipping, self._nightly, self._clock = shipping, nightly, clock
        meter = metrics.get_meter("dinsight.backup")
        self._age = meter.create_gauge("dinsight_backup_age", "s", "Age of the last verified backup")
        self._wal_age = meter.create_gauge(
            "dinsight_backup_wal_age", "s", "How long the oldest write has waited for the repository"
        )
        self._waiting = meter.create_gauge(
            "dinsight_backup_wal_bytes", "1", "WAL kept on this machine until it is in the repository"
        )

    async def measure(self) -> None:
        now = self._clock.now()
        if (verified := self._nightly.verified_at) is not None:
            self._age.set((now - verified).total_seconds())
        if (complete := self._shipping.lag.complete_at) is not None:
            self._wal_age.set(max(0.0, (now - complete).total_seconds()))
        self._waiting.set(self._shipping.lag.waiting_bytes)


def create_app(installation: InstallationSettings, settings: Settings) -> FastAPI:
    clock = SystemClock()
    dsn = settings.database_url.get_secret_value()
    place = BackupContext(
        url=settings.url,
        sealer=Sealer(installation.encryption_keys.get_secret_value()),
        spool=settings.spool,
        storage_url=installation.storage_url,
        environ=os.environ,
    )
    files = FileCopies(dsn, place, place.storage())
    shipping = Shipping(dsn, place, files.copied_now)
    receiving = Loop("WAL shipping", shipping.session)
    shipping.on_success(receiving.succeeded)
    nightly = Nightly(dsn, place, clock, hour=settings.hour, restore=settings.verify is Verify.RESTORE)
    gauges = Gauges(shipping, nightly, clock)
    loops = (
        receiving,
        Loop("file copies", files.step),
        Loop("nightly backup", nightly.step, every=NIGHTLY_ROUND_SECONDS, retry=RETRY),
        Loop("backup gauges", gauges.measure, every=MEASURE_SECONDS),
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with background(*(loop.run() for loop in loops)):
            yield

    return build_application(
        service="backup",
        description="Backups of the installation.",
        lifespan=lifespan,
        checks={loop.name: loop.check for loop in loops},
        openapi_url=None,
    )


def main() -> None:
    installation, settings = InstallationSettings(), Settings()
    set_up("backup", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_app(installation, settings), host=installation.host, port=settings.port)


if __name__ == "__main__":
    main()
