"""Composition root of the analysis worker: takes uploads and chunks from the topics, one of each at a time.

Run as many as there is work for, up to the partitions of `upload.received`. Its events go out through the
relay of the analysis API.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.analysis.database.unit import PostgresUnits
from services.analysis.handlers import subscribe_scorer, subscribe_worker
from services.analysis.jobs.chunks import ChunkStore
from services.analysis.jobs.finalize import Joiner, OutcomeWriter
from services.analysis.jobs.fit import Computer
from services.analysis.jobs.recent import RecentChunks
from services.analysis.jobs.runner import Processor
from services.analysis.jobs.score import ChunkScorer
from services.analysis.objects.models import ModelStore
from services.analysis.objects.store import Storage
from services.analysis.settings import Settings, WorkerSettings
from shared.http.application import build_application
from shared.infrastructure import Infrastructure
from shared.kafka.consumer import Consumer
from shared.observability.setup import set_up
from shared.process import serve
from shared.settings import InstallationSettings

# An analysis may take hours; whether its worker lives is told by the lease, not by the broker.
MAX_POLL_INTERVAL_MS = 24 * 3600 * 1000


def create_worker(installation: InstallationSettings, settings: Settings) -> FastAPI:
    infra = Infrastructure("analysis", installation, settings)
    units = PostgresUnits(infra.database, infra.clock, infra.new_id)
    storage = Storage.at(installation.storage_url)
    models = ModelStore(storage)
    outcomes = OutcomeWriter(units, models, infra.clock, infra.new_id)
    recent = RecentChunks()
    scorer = ChunkScorer(units, models, recent, settings, infra.new_id)
    processor = Processor(
        units,
        Computer(storage),
        ChunkStore(units, recent, infra.new_id),
        scorer,
        Joiner(units, outcomes, infra.clock, infra.new_id),
        models,
        outcomes,
        settings,
        infra.clock,
        infra.new_id,
    )
    # Two groups: a worker that is busy with a file of its own still scores chunks of others, and of its own.
    uploads, chunks = (
        Consumer(
            infra.kafka,
            infra.database,
            units,
            infra.new_id,
            group=group,
            records_per_poll=1,
            max_poll_interval_ms=MAX_POLL_INTERVAL_MS,
        )
        for group in ("analysis-worker", "analysis-worker-chunks")
    )
    subscribe_worker(uploads, processor)
    subscribe_scorer(chunks, scorer)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with infra.running(uploads.loop, chunks.loop):
            yield

    return build_application(
        service="analysis-worker",
        description="Computes analyses; has no API beside health and metrics.",
        lifespan=lifespan,
        checks={**infra.checks(), "consumer": uploads.check, "chunk consumer": chunks.check},
        openapi_url=None,
    )


def main() -> None:
    installation, settings, worker = InstallationSettings(), Settings(), WorkerSettings()
    set_up("analysis-worker", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_worker(installation, settings), host=installation.host, port=worker.port)


if __name__ == "__main__":
    main()
