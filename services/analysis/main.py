"""Composition root of the analysis service's API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.analysis.anomalies.routes import build_anomaly_router
from services.analysis.anomalies.service import AnomalyService
from services.analysis.archives.routes import build_archive_router
from services.analysis.archives.service import ArchiveService
from services.analysis.baselines.routes import build_baseline_router
from services.analysis.baselines.service import BaselineService
from services.analysis.configs.routes import build_config_router
from services.analysis.configs.service import ConfigService
from services.analysis.database.unit import PostgresUnits
from services.analysis.deletions.routes import build_deletion_router
from services.analysis.deletions.service import DeletionService
from services.analysis.deletions.steps import steps
from services.analysis.fleet.routes import build_fleet_router
from services.analysis.fleet.service import FleetService
from services.analysis.handlers import subscribe
from services.analysis.health.routes import build_health_router
from services.analysis.health.service import HealthService
from services.analysis.jobs.janitor import Chores
from services.analysis.machines.directory import MachineDirectory
from services.analysis.objects.models import ModelStore
from services.analysis.objects.store import Storage
from services.analysis.organizations.service import OrganizationFollower
from services.analysis.previews.routes import build_preview_router
from services.analysis.previews.service import PreviewService
from services.analysis.quality.routes import build_quality_router
from services.analysis.quality.service import QualityService
from services.analysis.quotas.routes import build_quota_router
from services.analysis.quotas.service import QuotaService
from services.analysis.results.routes import build_result_router
from services.analysis.results.service import ResultService
from services.analysis.settings import Settings
from services.analysis.sources.opening import Places
from services.analysis.sources.routes import build_source_router
from services.analysis.sources.sealing import SecretSealer
from services.analysis.sources.service import SourceService
from services.analysis.timeline.routes import build_timeline_router
from services.analysis.timeline.service import TimelineService
from services.analysis.uploads.registering import Registrar
from services.analysis.uploads.routes import build_upload_router
from services.analysis.uploads.service import UploadReceiver
from services.analysis.whatif.routes import build_what_if_router
from services.analysis.whatif.service import WhatIfService
from shared.audit import Auditor
from shared.crypto import Encryptor
from shared.erasure.eraser import Eraser
from shared.erasure.requests import DeletionRequests
from shared.http.application import build_application
from shared.http.idempotency import Idempotency
from shared.http.peers import Peer
from shared.infrastructure import Infrastructure
from shared.kafka.consumer import Consumer
from shared.observability.setup import set_up
from shared.postgres.partitions import MonthPartitions
from shared.process import serve
from shared.settings import InstallationSettings

# The receiver itself rejects large uploads, with an explanation; this only limits what it would read.
BODY_MARGIN_BYTES = 64 * 2**20
# A group of this name starts at the beginning of its topics, which fills the columns that replicas got since
# the group `analysis` had read them. Whoever adds such a column gives the group a new name again.
GROUP = "analysis-replicas"


def create_app(installation: InstallationSettings, settings: Settings) -> FastAPI:
    infra = Infrastructure("analysis", installation, settings)
    units = PostgresUnits(infra.database, infra.clock, infra.new_id)
    storage = Storage.at(installation.storage_url)
    models = ModelStore(storage)
    machines = Peer(installation.machines_url, name="machines")
    auditor = Auditor(infra.clock)
    directory = MachineDirectory(units, machines, infra.clock)
    configs = ConfigService(infra.clock, auditor)
    quotas = QuotaService(infra.clock, settings.quotas)
    registrar = Registrar(infra.clock, infra.new_id, auditor, configs, quotas)
    receiver = UploadReceiver(
        units, storage, directory, settings, infra.new_id, registrar, quotas, infra.standing.check_ended
    )
    partitions = MonthPartitions(infra.database)
    janitor = Chores(units, partitions, storage, settings, infra.clock).janitor()
    consumer = Consumer(infra.kafka, infra.database, units, infra.new_id, group=GROUP)
    subscribe(consumer, directory, OrganizationFollower())

    worker = Eraser(
        "analysis",
        infra.database,
        units.queue,
        infra.clock,
        infra.new_id,
        units.queries,
        steps(storage, units.queries),
    ).worker()
    loops = (infra.relay.loop, infra.ended_feed.loop, consumer.loop, janitor.loop)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with infra.running(*loops, workers=[worker], peers=(machines,)):
            yield

    app = build_application(
        service="analysis",
        description="Uploads, baselines, monitoring runs, anomalies and their explanations.",
        lifespan=lifespan,
        standing=infra.standing,
        checks={
            **infra.checks(*loops, workers=[worker]),
            "ended access": infra.ended_feed.check,
            "consumer": consumer.check,
        },
        middleware=[Idempotency.middleware(infra.database, infra.guard)],
    )
    max_body_bytes = settings.max_upload_bytes + BODY_MARGIN_BYTES
    app.include_router(build_upload_router(receiver, infra.guard, max_body_bytes=max_body_bytes))
    app.include_router(build_quota_router(quotas, units, infra.guard))
    app.include_router(build_config_router(configs, units, infra.guard))
    app.include_router(build_result_router(ResultService(), units, infra.guard))
    app.include_router(build_what_if_router(WhatIfService(models), units, infra.guard))
    versions = BaselineService(models, infra.clock, auditor)
    app.include_router(build_baseline_router(versions, directory, units, infra.guard))
    app.include_router(build_quality_router(QualityService(), units, infra.guard))
    previews = PreviewService(units, configs, settings)
    app.include_router(build_preview_router(previews, infra.guard, max_body_bytes=max_body_bytes))
    app.include_router(build_archive_router(ArchiveService(infra.new_id, auditor), units, infra.guard))
    sealer = SecretSealer(Encryptor(installation.encryption_keys.get_secret_value()))
    places = Places(settings, sealer)
    sources = SourceService(infra.clock, infra.new_id, auditor, configs, places, sealer)
    app.include_router(build_source_router(sources, directory, units, infra.guard))
    deletions = DeletionService(units, directory, DeletionRequests(infra.clock, infra.new_id), auditor)
    app.include_router(build_deletion_router(deletions, units, infra.guard))
    app.include_router(build_anomaly_router(AnomalyService(infra.clock, auditor), units, infra.guard))
    app.include_router(build_health_router(HealthService(), directory, units, infra.guard))
    app.include_router(build_fleet_router(FleetService(infra.clock), units, infra.guard))
    app.include_router(build_timeline_router(TimelineService(infra.clock), directory, units, infra.guard))
    return app


def main() -> None:
    installation, settings = InstallationSettings(), Settings()
    set_up("analysis", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_app(installation, settings), host=installation.host, port=settings.port)


if __name__ == "__main__":
    main()
