"""Composition root of the machines service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.machines.erasure import steps
from services.machines.handlers import subscribe
from services.machines.repository import PostgresUnits
from services.machines.routes import build_router
from services.machines.sealing import MetadataSealer
from services.machines.service import MachineService
from services.machines.settings import Settings
from shared.audit import Auditor
from shared.crypto import Encryptor
from shared.erasure.eraser import Eraser
from shared.http.application import build_application
from shared.http.idempotency import Idempotency
from shared.http.kept_answers import AnswerSealer
from shared.infrastructure import Infrastructure
from shared.jobs.janitor import Janitor
from shared.kafka.consumer import Consumer
from shared.observability.setup import set_up
from shared.process import serve
from shared.settings import InstallationSettings

# What the janitor looks for appears only while an older version still runs.
JANITOR_SECONDS = 60.0


def create_app(installation: InstallationSettings, settings: Settings) -> FastAPI:
    infra = Infrastructure("machines", installation, settings)
    units = PostgresUnits(infra.database, infra.clock, infra.new_id)
    encryptor = Encryptor(installation.encryption_keys.get_secret_value())
    answers = AnswerSealer(infra.database, encryptor)
    service = MachineService(
        infra.clock,
        infra.new_id,
        Auditor(infra.clock),
        MetadataSealer(encryptor),
        settings.per_organization,
    )
    consumer = Consumer(infra.kafka, infra.database, units, infra.new_id, group="machines")
    subscribe(consumer, service)
    worker = Eraser(
        "machines", infra.database, units.queue, infra.clock, infra.new_id, units.queries, steps(infra.clock)
    ).worker()

    janitor = Janitor("machines janitor", {"plain answers": answers.seal_all}, every=JANITOR_SECONDS)
    loops = (infra.relay.loop, infra.ended_feed.loop, consumer.loop, janitor.loop)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with infra.running(*loops, workers=[worker]):
            yield

    app = build_application(
        service="machines",
        description="The registry of an organization's equipment.",
        lifespan=lifespan,
        standing=infra.standing,
        checks={
            **infra.checks(*loops, workers=[worker]),
            "ended access": infra.ended_feed.check,
            "consumer": consumer.check,
        },
        middleware=[Idempotency.middleware(infra.database, infra.guard, sealer=answers)],
    )
    app.include_router(build_router(service, units, infra.guard))
    return app


def main() -> None:
    installation, settings = InstallationSettings(), Settings()
    set_up("machines", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_app(installation, settings), host=installation.host, port=settings.port)


if __name__ == "__main__":
    main()
