"""Composition root of the alerting service."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from services.alerting.acknowledgements.links import LinkMaker
from services.alerting.acknowledgements.routes import build_acknowledgements_router
from services.alerting.acknowledgements.service import LinkService
from services.alerting.alerts.announcer import Announcer
from services.alerting.alerts.lifecycle import AlertLifecycle
from services.alerting.alerts.routes import build_alerts_router
from services.alerting.alerts.service import AlertService
from services.alerting.backtest.routes import build_backtest_router
from services.alerting.backtest.service import BacktestService
from services.alerting.confirmations.domain import CONFIRMATION_JOB
from services.alerting.confirmations.mailer import ConfirmationMailer
from services.alerting.confirmations.routes import build_confirmations_router
from services.alerting.confirmations.service import ConfirmationService
from services.alerting.contact_points.routes import build_contact_points_router
from services.alerting.contact_points.sealing import ContactSealer
from services.alerting.contact_points.service import ContactPointService
from services.alerting.contact_points.testing import ContactTester
from services.alerting.database.postgres import PostgresUnits
from services.alerting.deletions import steps
from services.alerting.deliveries import domain as deliveries
from services.alerting.deliveries.chat import ChatSender
from services.alerting.deliveries.content import Composer
from services.alerting.deliveries.courier import Courier
from services.alerting.deliveries.dispatcher import Dispatcher
from services.alerting.deliveries.notices import Notices
from services.alerting.deliveries.notifier import Notifier
from services.alerting.deliveries.routes import build_deliveries_router
from services.alerting.deliveries.service import DeliveryService
from services.alerting.deliveries.webhooks import WebhookSender
from services.alerting.handlers import subscribe, subscribe_replicas
from services.alerting.judging.judge import Judge, judging_worker
from services.alerting.maintenance_windows.routes import build_windows_router
from services.alerting.maintenance_windows.service import MaintenanceWindowService
from services.alerting.opt_outs.routes import build_opt_outs_router
from services.alerting.opt_outs.service import OptOutService
from services.alerting.performance.routes import build_performance_router
from services.alerting.performance.service import PerformanceService
from services.alerting.replicas.service import MachineDirectory, ReplicaService
from services.alerting.resources.service import ResourceService
from services.alerting.rotations.routes import build_rotations_router
from services.alerting.rotations.service import RotationService
from services.alerting.rules.compiled import ProgramCache
from services.alerting.rules.conditions import compile_condition
from services.alerting.rules.features import FeatureDirectory
from services.alerting.rules.routes import build_rules_router
from services.alerting.rules.sealing import WebhookSealer
from services.alerting.rules.service import RuleService
from services.alerting.rules.upkeep import SealAddresses
from services.alerting.series.service import SeriesService
from services.alerting.series.thinning import ThinOut
from services.alerting.settings import Settings
from services.alerting.silences.routes import build_silences_router
from services.alerting.silences.service import SilenceService
from services.alerting.templates.routes import build_templates_router
from services.alerting.templates.service import TemplateService
from services.alerting.templates.sync import TemplateSync
from services.alerting.timer import kinds as timers
from services.alerting.timer.runner import timer_worker
from shared.audit import Auditor
from shared.crypto import Encryptor
from shared.erasure.eraser import Eraser
from shared.http.application import build_application
from shared.http.caller import Guard
from shared.http.idempotency import Idempotency
from shared.http.kept_answers import AnswerSealer
from shared.http.peers import Peer
from shared.infrastructure import Infrastructure
from shared.jobs.janitor import Chore, Janitor
from shared.jobs.queue import JobHandler
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from shared.kafka.consumer import Consumer
from shared.mail.transports import Transport, transport_for
from shared.observability.setup import set_up
from shared.process import serve
from shared.settings import InstallationSettings

# What the janitor looks for appears only while an older version still runs.
JANITOR_SECONDS = 60.0

# A group of this name starts at the beginning of its topics, which fills the columns that replicas got since
# the group `alerting` had read them. Whoever adds such a column gives the group a new name again.
REPLICAS_GROUP = "alerting-replicas-2"


def create_app(installation: InstallationSettings, settings: Settings) -> FastAPI:
    infra = Infrastructure("alerting", installation, settings)
    clock, new_id = infra.clock, infra.new_id
    units = PostgresUnits(infra.database, clock, new_id)
    encryptor = Encryptor(installation.encryption_keys.get_secret_value())
    sealer, answers = WebhookSealer(encryptor), AnswerSealer(infra.database, encryptor)
    auditor, replicas = Auditor(clock), ReplicaService()
    notifier = Notifier(clock, new_id, settings.public_url)
    announcer = Announcer(notifier)
    lifecycle = AlertLifecycle(clock, new_id, announcer)
    machines = Peer(installation.machines_url, name="machines")
    rules = RuleService(clock, new_id, auditor, sealer, replicas, lifecycle)
    alerts = AlertService(clock, auditor, replicas, announcer)
    consumer = Consumer(infra.kafka, infra.database, units, new_id, group="alerting")
    series = SeriesService(clock, new_id)
    subscribe(consumer, series)
    programs = ProgramCache(compile_condition)
    judge = Judge(units, lifecycle, programs, clock)
    analysis = Peer(installation.analysis_url, name="analysis")
    replicating = Consumer(infra.kafka, infra.database, units, new_id, group=REPLICAS_GROUP)
    sync = TemplateSync(clock, new_id, auditor, sealer, lifecycle)
    subscribe_replicas(replicating, replicas, sync)
    sender = WebhookSender(
        clock,
        allow_private=settings.webhook_allow_private,
        timeout_seconds=settings.webhook_timeout_seconds,
    )
    mail = transport_for(
        settings.mail_url.get_secret_value(), settings.mail_sender, settings.mail_timeout_seconds
    )
    courier = _courier(sender, mail, sealer, encryptor, settings)
    mailer = ConfirmationMailer(units, clock, ContactSealer(encryptor), mail, settings.public_url)
    workers = [
        _delivery_worker(infra, units, courier, mailer, settings),
        judging_worker(units.queue, judge),
        timer_worker(
            units.queue,
            units,
            {
                timers.ACKNOWLEDGEMENT_EXPIRY: alerts.expire_acknowledgement,
                timers.NOTIFY: notifier.on_timer,
                timers.JUDGEMENT: series.time_passed,
                timers.TEMPLATE_SYNC: sync.continue_pass,
            },
        ),
        Eraser(
            "alerting",
            infra.database,
            units.queue,
            clock,
            new_id,
            units.queries,
            steps(units, lifecycle, clock),
        ).worker(),
    ]
    chores: dict[str, Chore] = {
        "deliveries without a job": units.adopt_deliveries,
        "old samples": ThinOut(units, units, clock),
        "plain addresses": SealAddresses(units, rules),
        "targets with a path": units.shorten_targets,
        "plain answers": answers.seal_all,
    }
    janitor = Janitor("alerting janitor", chores, every=JANITOR_SECONDS)
    loops = (infra.relay.loop, infra.ended_feed.loop, consumer.loop, replicating.loop, janitor.loop)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with sender.open(), infra.running(*loops, workers=workers, peers=[machines, analysis]):
            yield

    app = build_application(
        service="alerting",
        description="Alert rules of machines, and the alerts that they open.",
        lifespan=lifespan,
        standing=infra.standing,
        checks={
            **infra.checks(*loops, workers=workers),
            "ended access": infra.ended_feed.check,
            "consumer": consumer.check,
            "replicas": replicating.check,
        },
        middleware=[Idempotency.middleware(infra.database, infra.guard, sealer=answers)],
    )
    performance = PerformanceService(clock, auditor)
    app.include_router(build_performance_router(performance, units, infra.guard))
    directory = MachineDirectory(units, machines)
    backtests = BacktestService(clock, analysis)
    # Its fixed path comes before those with the id of a rule.
    app.include_router(build_backtest_router(backtests, rules, programs, directory, units, infra.guard))
    features = FeatureDirectory(analysis)
    app.include_router(build_rules_router(rules, directory, features, programs, units, infra.guard))
    templates = TemplateService(clock, new_id, auditor, sealer, replicas)
    app.include_router(build_templates_router(templates, units, infra.guard))
    app.include_router(build_alerts_router(alerts, units, infra.guard))
    links = LinkService(units, clock, auditor, alerts)
    app.include_router(build_acknowledgements_router(links))
    app.include_router(build_deliveries_router(DeliveryService(notifier, auditor), units, infra.guard))
    resources = ResourceService(clock, new_id, auditor, replicas)
    confirmations = ConfirmationService(
        units, clock, new_id, auditor, ContactSealer(encryptor), secrets.token_bytes
    )
    app.include_router(build_confirmations_router(confirmations))
    chat = ChatSender(allow_hosted=settings.webhook_allow_private)
    points = ContactPointService(resources, ContactSealer(encryptor), chat, confirmations)
    _include_resources(app, resources, points, notifier, courier, units, infra.guard)
    return app


def _include_resources(
    app: FastAPI,
    resources: ResourceService,
    points: ContactPointService,
    notifier: Notifier,
    courier: Courier,
    units: PostgresUnits,
    guard: Guard,
) -> None:
    """What an organization sets up so that alerts reach people."""
    windows = MaintenanceWindowService(resources, notifier)
    for router in (
        build_contact_points_router(points, ContactTester(resources, courier), units, guard),
        build_rotations_router(RotationService(resources), units, guard),
        build_silences_router(SilenceService(resources, notifier), units, guard),
        build_windows_router(windows, units, guard),
        build_opt_outs_router(OptOutService(resources), units, guard),
    ):
        app.include_router(router)


def _courier(
    sender: WebhookSender, mail: Transport, sealer: WebhookSealer, encryptor: Encryptor, settings: Settings
) -> Courier:
    chat = ChatSender(allow_hosted=settings.webhook_allow_private)
    return Courier(sender, mail, chat, Composer(), sealer, ContactSealer(encryptor))


def _delivery_worker(
    infra: Infrastructure,
    units: PostgresUnits,
    courier: Courier,
    mailer: ConfirmationMailer,
    settings: Settings,
) -> Worker:
    retry = RetryPolicy(
        settings.webhook_attempts,
        first_delay=timedelta(seconds=settings.webhook_first_retry_seconds),
        max_delay=deliveries.MAX_RETRY_DELAY,
        factor=deliveries.RETRY_FACTOR,
    )
    links, notices = LinkMaker(settings.public_url, secrets.token_bytes), Notices(infra.new_id)
    dispatcher = Dispatcher(units, courier, links, notices, infra.clock, infra.new_id, retry)
    pace = Pace(
        deliveries.LEASE,
        deliveries.HEARTBEAT_SECONDS,
        per_organization=settings.webhook_per_organization,
    )
    lanes = [Lane(settings.webhook_concurrency)]
    handlers: dict[str, JobHandler] = {deliveries.MESSAGE_JOB: dispatcher, CONFIRMATION_JOB: mailer}
    return Worker(units.queue, deliveries.QUEUE, handlers, lanes, pace, retry)


def main() -> None:
    installation, settings = InstallationSettings(), Settings()
    set_up("alerting", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_app(installation, settings), host=installation.host, port=settings.port)


if __name__ == "__main__":
    main()
