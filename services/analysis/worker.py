"""Composition root of the analysis worker, which runs the jobs of analyses.

Run as many workers as the load requires. The relay of the analysis API publishes their events.
"""

import resource
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from services.analysis.archives.archiver import Archiver
from services.analysis.archives.jobs import ArchiveJobs
from services.analysis.configs.service import ConfigService
from services.analysis.database.unit import PostgresUnits, Units
from services.analysis.engine import Limits
from services.analysis.jobs.chunks import ChunkStore
from services.analysis.jobs.domain import MAX_ATTEMPTS, QUEUE, Kind
from services.analysis.jobs.finalize import Finalizer
from services.analysis.jobs.fit import BaselineFitter
from services.analysis.jobs.join import Joiner
from services.analysis.jobs.reading import TableReader
from services.analysis.jobs.recent import RecentChunks
from services.analysis.jobs.runner import AnalysisRunner
from services.analysis.jobs.score import ChunkScorer
from services.analysis.jobs.split import Splitter
from services.analysis.objects.models import ModelStore
from services.analysis.objects.store import Storage
from services.analysis.quotas.service import QuotaService
from services.analysis.settings import Settings, WorkerSettings
from services.analysis.sources import domain as sources
from services.analysis.sources.events import Announcer
from services.analysis.sources.looking import Looker
from services.analysis.sources.opening import Opener, Places
from services.analysis.sources.sealing import SecretSealer
from services.analysis.sources.taking import Bounds, Taker
from services.analysis.uploads.registering import Registrar
from shared.audit import Auditor
from shared.clock import Clock, IdGenerator
from shared.crypto import Encryptor
from shared.http.application import build_application
from shared.infrastructure import Infrastructure
from shared.jobs.queue import JobHandler, Queue, Size
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from shared.observability.setup import set_up
from shared.postgres.partitions import MonthPartitions, Partitions
from shared.process import serve
from shared.retention import RetentionSettings
from shared.settings import InstallationSettings

# One job of any size at a time, and a small one beside it, for which the large one pauses.
LANES = (Lane(1), Lane(1, Size.SMALL))
RETRY = RetryPolicy(MAX_ATTEMPTS, first_delay=timedelta(seconds=1), max_delay=timedelta(minutes=1))


def build_worker(
    units: Units,
    queue: Queue,
    partitions: Partitions,
    storage: Storage,
    settings: Settings,
    retention: RetentionSettings,
    clock: Clock,
    new_id: IdGenerator,
) -> Worker:
    models, recent = ModelStore(storage), RecentChunks()
    finalizer = Finalizer(units, models, clock, new_id)
    limits = Limits(
        expanded_bytes=settings.max_expanded_bytes,
        batch_bytes=settings.max_batch_bytes,
        cell_characters=settings.max_cell_characters,
        columns=settings.max_columns,
        rows=settings.max_rows,
        members=settings.max_archive_members,
    )
    reader, chunks = TableReader(storage, limits), ChunkStore(units, recent, new_id)
    runner = AnalysisRunner(
        units,
        BaselineFitter(reader, chunks),
        Splitter(units, reader, chunks, clock, new_id),
        models,
        finalizer,
        clock,
        progress_seconds=settings.progress_seconds,
    )
    restored = timedelta(days=retention.restored_days)
    archiver = Archiver(units, partitions, storage, clock, new_id, restored=restored)
    handlers: dict[str, JobHandler] = {
        Kind.ANALYSIS: runner,
        Kind.CHUNK: ChunkScorer(units, partitions, models, recent, finalizer, new_id),
        Kind.JOIN: Joiner(units, partitions, models, finalizer, clock, new_id),
        Kind.ARCHIVE: ArchiveJobs(units, archiver.archive),
        Kind.RESTORE: ArchiveJobs(units, archiver.restore),
    }
    pace = Pace(
        timedelta(seconds=settings.lease_seconds),
        settings.heartbeat_seconds,
        per_organization=settings.max_running_per_organization,
    )
    return Worker(queue, QUEUE, handlers, LANES, pace, RETRY)


def build_source_worker(
    units: Units,
    queue: Queue,
    storage: Storage,
    opener: Opener,
    settings: Settings,
    clock: Clock,
    new_id: IdGenerator,
    bounds: Bounds | None = None,
) -> Worker:
    """Looks at sources, in lanes of its own: a silent server must not hold up an analysis.

    Nor another source: half of the lanes only have looks at places that were quick the last time.
    """
    auditor = Auditor(clock)
    quotas = QuotaService(clock, settings.quotas)
    registrar = Registrar(clock, new_id, auditor, ConfigService(clock, auditor), quotas)
    announcer = Announcer(clock)
    bounds = bounds or Bounds(settings.max_upload_bytes)
    taker = Taker(units, storage, registrar, announcer, clock, new_id, bounds)
    looker = Looker(units, opener, taker, announcer, clock, new_id, bounds)
    pace = Pace(
        timedelta(seconds=settings.lease_seconds),
        settings.heartbeat_seconds,
        per_organization=settings.sources_per_organization,
    )
    lanes = (Lane(settings.sources_concurrency), Lane(settings.sources_concurrency, Size.SMALL))
    return Worker(queue, sources.QUEUE, {sources.LOOK: looker}, lanes, pace, RETRY)


def create_worker(installation: InstallationSettings, settings: Settings) -> FastAPI:
    infra = Infrastructure("analysis", installation, settings)
    units = PostgresUnits(infra.database, infra.clock, infra.new_id)
    storage = Storage.at(installation.storage_url)
    retention, partitions = RetentionSettings(), MonthPartitions(infra.database)
    worker = build_worker(
        units, units.queue, partitions, storage, settings, retention, infra.clock, infra.new_id
    )

    encryptor = Encryptor(installation.encryption_keys.get_secret_value())
    places = Places(settings, SecretSealer(encryptor))
    watching = build_source_worker(
        units, units.queue, storage, places.open, settings, infra.clock, infra.new_id
    )
    workers = [worker, watching]

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with infra.running(workers=workers):
            yield

    return build_application(
        service="analysis-worker",
        description="Runs the jobs of analyses. It has no API besides health and metrics.",
        lifespan=lifespan,
        # Its events wait in the outbox, which the API's relay empties.
        checks=infra.checks(workers=workers, needs_broker=False),
        openapi_url=None,
    )


def bound_memory(most: int) -> None:
    """Let this process have at most so many bytes of data.

    A job that needs more ends with MemoryError. Without a limit, the kernel ends the worker, and with it
    the other job.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(
        resource.RLIMIT_DATA, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard)
    )


def main() -> None:
    installation, settings, worker = InstallationSettings(), Settings(), WorkerSettings()
    if worker.max_memory_bytes is not None:
        bound_memory(worker.max_memory_bytes)
    set_up("analysis-worker", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_worker(installation, settings), host=installation.host, port=worker.port)


if __name__ == "__main__":
    main()
