"""Composition root of the alerting service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from services.alerting.alerts.evaluator import Evaluator
from services.alerting.alerts.routes import build_alerts_router
from services.alerting.alerts.service import AlertService
from services.alerting.alerts.telling import Teller
from services.alerting.database.postgres import PostgresUnits
from services.alerting.deliveries.dispatcher import Dispatcher, Pace
from services.alerting.deliveries.domain import RetryPolicy
from services.alerting.deliveries.webhooks import WebhookSender
from services.alerting.handlers import subscribe
from services.alerting.replicas.service import MachineDirectory, ReferenceService
from services.alerting.rules.routes import build_rules_router
from services.alerting.rules.service import RuleService
from services.alerting.settings import Settings
from shared.audit import Auditor
from shared.crypto import Encryptor
from shared.http.application import build_application
from shared.http.idempotency import Idempotency
from shared.http.peers import Peer
from shared.infrastructure import Infrastructure
from shared.kafka.consumer import Consumer
from shared.observability.setup import set_up
from shared.process import serve
from shared.settings import InstallationSettings


def create_app(installation: InstallationSettings, settings: Settings) -> FastAPI:
    infra = Infrastructure("alerting", installation, settings)
    clock, new_id = infra.clock, infra.new_id
    units = PostgresUnits(infra.database, clock, new_id)
    encryptor = Encryptor(installation.encryption_keys.get_secret_value())
    auditor, teller, references = Auditor(clock), Teller(clock, new_id), ReferenceService()
    machines = Peer(installation.machines_url, name="machines")
    rules = RuleService(clock, new_id, auditor, encryptor, references, teller)
    alerts = AlertService(clock, auditor, references, teller)
    consumer = Consumer(infra.kafka, infra.database, units, new_id, group="alerting")
    subscribe(consumer, references, Evaluator(clock, new_id, teller))
    sender = WebhookSender(
        clock,
        allow_private=settings.webhook_allow_private,
        timeout_seconds=settings.webhook_timeout_seconds,
    )
    dispatcher = Dispatcher(
        units,
        sender,
        encryptor,
        clock,
        new_id,
        RetryPolicy(settings.webhook_attempts, timedelta(seconds=settings.webhook_first_retry_seconds)),
        Pace(settings.webhook_concurrency, settings.webhook_per_organization, settings.webhook_poll_seconds),
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with (
            sender.open(),
            infra.running(infra.relay.loop, consumer.loop, dispatcher.run(), peers=(machines,)),
        ):
            yield

    app = build_application(
        service="alerting",
        description="Rules on machines, and the alerts that they open.",
        lifespan=lifespan,
        checks={**infra.checks(), "consumer": consumer.check},
        middleware=[Idempotency.middleware(infra.database, infra.guard)],
    )
    app.include_router(build_rules_router(rules, MachineDirectory(units, machines), units, infra.guard))
    app.include_router(build_alerts_router(alerts, units, infra.guard))
    return app


def main() -> None:
    installation, settings = InstallationSettings(), Settings()
    set_up("alerting", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_app(installation, settings), host=installation.host, port=settings.port)


if __name__ == "__main__":
    main()
