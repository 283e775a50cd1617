"""Composition root of the auth service."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from services.auth.administration.service import AdministrationService
from services.auth.api_keys.service import ApiKeyService
from services.auth.backups.service import BackupReminder
from services.auth.database.unit import PostgresUnits, Units
from services.auth.deletions.service import DeletionService
from services.auth.deletions.steps import steps
from services.auth.feeds import domain as feed
from services.auth.feeds.broker import KafkaFeedBroker
from services.auth.feeds.maker import FeedMaker
from services.auth.feeds.service import FeedService
from services.auth.handlers import subscribe
from services.auth.invitations.service import InvitationService
from services.auth.janitor import build_janitor
from services.auth.keys.service import KeyRing
from services.auth.keys.tokens import AccessTokens
from services.auth.mail import domain as mail
from services.auth.mail.messages import MessageWriter
from services.auth.mail.sender import MailSender
from services.auth.members.service import MemberService
from services.auth.oidc.provider import Provider, ProviderAccess
from services.auth.oidc.service import OidcService
from services.auth.one_time_tokens.service import OneTimeTokens
from services.auth.organizations.secrets import SettingsEncryptor
from services.auth.organizations.service import OrganizationService
from services.auth.passwords.hashing import PasswordHasher
from services.auth.passwords.rules import PasswordRules
from services.auth.recovery.answerer import ResetAnswerer
from services.auth.recovery.domain import RESET_JOB
from services.auth.recovery.service import RecoveryService
from services.auth.registration.service import RegistrationService
from services.auth.routes import Services, build_internal_router, build_router
from services.auth.second_factor.entrance import Entrance
from services.auth.second_factor.passkeys import Passkeys
from services.auth.second_factor.service import SecondFactorService
from services.auth.sessions.service import SessionService
from services.auth.settings import Settings
from services.auth.sign_in.devices import Devices
from services.auth.sign_in.service import SignInService
from services.auth.sign_in.throttle import Throttle
from services.auth.standing.service import OwnAccess, StandingService
from services.auth.trail.service import TrailService
from services.auth.users.service import AccountService
from services.auth.verification.service import VerificationService
from shared.audit import Auditor
from shared.crypto import Encryptor
from shared.erasure.eraser import Eraser
from shared.erasure.requests import DeletionRequests
from shared.http.application import build_application
from shared.http.caller import Guard
from shared.http.idempotency import Idempotency
from shared.http.peers import Peer
from shared.infrastructure import Infrastructure
from shared.jobs.postgres import PostgresQueue
from shared.jobs.queue import JobHandler
from shared.jobs.retry import RetryPolicy
from shared.jobs.worker import Lane, Pace, Worker
from shared.kafka.consumer import Consumer
from shared.mail.transports import transport_for
from shared.observability.setup import set_up
from shared.postgres.partitions import MonthPartitions, Partitions
from shared.process import serve
from shared.retention import RetentionSettings
from shared.settings import InstallationSettings
from shared.tokens import TokenVerifier

# Their requests contain passwords or secrets, and their responses tokens: not even hashes may be stored.
NEVER_STORED = (
    "/api/v1/auth/",
    "/api/v1/users/me/password",
    "/api/v1/users/me/invitations",
    "/api/v1/users/me/totp",
    "/api/v1/users/me/passkeys",
    "/api/v1/users/me/passkey-challenges",
    "/api/v1/users/me/recovery-codes",
    "/api/v1/organizations/",
    "/internal/",
)


def create_app(installation: InstallationSettings, settings: Settings) -> FastAPI:
    infra = Infrastructure("auth", installation, settings)
    queue = PostgresQueue(infra.database, service="auth")
    units = PostgresUnits(infra.database, queue, infra.clock, infra.new_id)
    encryptor = Encryptor(installation.encryption_keys.get_secret_value())
    provider = _provider(infra, settings)
    machines = Peer(installation.machines_url, name="machines")
    partitions = MonthPartitions(infra.database)
    services = _services(infra, units, partitions, encryptor, settings, provider, machines)
    # The service verifies tokens with its own keys and sessions, without a request to itself.
    guard = Guard(TokenVerifier(services.keys.published), OwnAccess(units, services.standing))
    consumer = Consumer(infra.kafka, infra.database, units, infra.new_id, group="auth")
    subscribe(consumer, services.trail, services.deletions)
    messages = MessageWriter(infra.clock, infra.new_id, encryptor, settings.public_url)
    reminder = BackupReminder(infra.clock, messages)
    janitor = build_janitor(units, partitions, infra.clock, services.keys, reminder)
    feeds = KafkaFeedBroker(infra.kafka)
    workers = [
        _feed_worker(queue, FeedMaker(units, feeds, encryptor, infra.clock)),
        _mail_worker(infra, queue, units, encryptor, settings, services.recovery),
        Eraser(
            "auth", infra.database, queue, infra.clock, infra.new_id, units.queries, steps(infra.clock, feeds)
        ).worker(),
    ]

    loops = (infra.relay.loop, consumer.loop, janitor.loop)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            if provider is not None:
                await stack.enter_async_context(provider.open())
            await stack.enter_async_context(infra.running(*loops, workers=workers, peers=[machines]))
            yield

    app = build_application(
        service="auth",
        description="Users, organizations, memberships, sessions and the audit trail.",
        lifespan=lifespan,
        standing=infra.standing,
        checks={
            **infra.checks(*loops, workers=workers),
            "consumer": consumer.check,
            "signing keys": services.keys.check,
        },
        middleware=[Idempotency.middleware(infra.database, guard, never_kept=NEVER_STORED)],
    )
    app.include_router(build_router(services, units, guard))
    app.include_router(build_internal_router(services, units))
    return app


def _provider(infra: Infrastructure, settings: Settings) -> Provider | None:
    if not settings.oidc_issuer:
        return None
    access = ProviderAccess(
        settings.oidc_issuer,
        settings.oidc_client_id,
        settings.oidc_client_secret.get_secret_value(),
        settings.oidc_redirect_url,
        settings.oidc_required_acr,
        settings.oidc_required_amr,
    )
    return Provider(access, infra.clock)


def _feed_worker(queue: PostgresQueue, maker: FeedMaker) -> Worker:
    # One at a time: two changes of a feed must reach the broker in their order.
    pace = Pace(feed.LEASE, feed.HEARTBEAT_SECONDS, per_organization=1)
    return Worker(queue, feed.QUEUE, {feed.FEED_JOB: maker}, [Lane(1)], pace, feed.RETRY)


def _mail_worker(
    infra: Infrastructure,
    queue: PostgresQueue,
    units: Units,
    encryptor: Encryptor,
    settings: Settings,
    recovery: RecoveryService,
) -> Worker:
    transport = transport_for(
        settings.mail_url.get_secret_value(), settings.mail_sender, settings.mail_timeout_seconds
    )
    retry = RetryPolicy(
        settings.mail_attempts,
        first_delay=timedelta(seconds=settings.mail_first_retry_seconds),
        max_delay=mail.MAX_RETRY_DELAY,
        factor=mail.RETRY_FACTOR,
    )
    handlers: dict[str, JobHandler] = {
        mail.MESSAGE_JOB: MailSender(units, transport, encryptor, infra.clock, retry),
        RESET_JOB: ResetAnswerer(units, recovery),
    }
    pace = Pace(mail.LEASE, mail.HEARTBEAT_SECONDS)
    return Worker(queue, mail.QUEUE, handlers, [Lane(mail.CONCURRENCY)], pace, retry)


def _services(
    infra: Infrastructure,
    units: Units,
    partitions: Partitions,
    encryptor: Encryptor,
    settings: Settings,
    provider: Provider | None,
    machines: Peer,
) -> Services:
    clock, new_id, auditor = infra.clock, infra.new_id, Auditor(infra.clock)
    hasher = PasswordHasher(settings.password_pepper.get_secret_value(), settings.bcrypt_cost)
    rules, policy = PasswordRules.shipped(), settings.sign_in_policy
    devices = Devices(settings.password_pepper.get_secret_value(), clock, new_id)
    throttle, passkeys = Throttle(clock, devices), Passkeys(settings.public_url)
    token_lifetime = timedelta(minutes=settings.access_token_minutes)
    keys = KeyRing(
        units,
        clock,
        encryptor,
        key_lifetime=timedelta(days=settings.signing_key_days),
        token_lifetime=token_lifetime,
    )
    messages = MessageWriter(clock, new_id, encryptor, settings.public_url)
    one_time = OneTimeTokens(clock, new_id)
    verification = VerificationService(clock, auditor, one_time, messages)
    organizations = OrganizationService(
        clock, new_id, auditor, SettingsEncryptor(encryptor), RetentionSettings()
    )
    accounts = AccountService(
        clock, new_id, auditor, hasher, rules, throttle, organizations, messages, policy
    )
    invitations = InvitationService(clock, new_id, auditor, messages, verification)
    sessions = SessionService(
        clock,
        new_id,
        auditor,
        idle_timeout=timedelta(days=settings.session_idle_days),
        max_lifetime=timedelta(days=settings.session_max_days),
    )
    entrance = Entrance(clock, auditor, encryptor, passkeys, throttle, sessions, messages)
    reminder = verification if settings.require_verified_email else None
    api_keys = ApiKeyService(clock, new_id, auditor)
    return Services(
        registration=RegistrationService(
            new_id,
            auditor,
            accounts,
            rules,
            verification,
            invitations,
            messages,
            policy,
        ),
        verification=verification,
        recovery=RecoveryService(
            clock, new_id, auditor, hasher, rules, throttle, one_time, messages, verification, policy
        ),
        accounts=accounts,
        sign_in=SignInService(clock, auditor, hasher, throttle, entrance, messages, policy, reminder),
        entrance=entrance,
        second_factors=SecondFactorService(clock, new_id, auditor, encryptor, passkeys, messages),
        devices=devices,
        policy=policy,
        sessions=sessions,
        organizations=organizations,
        members=MemberService(clock, auditor),
        invitations=invitations,
        trail=TrailService(clock, partitions),
        tokens=AccessTokens(keys, clock, new_id, token_lifetime),
        keys=keys,
        api_keys=api_keys,
        feeds=FeedService(
            clock,
            new_id,
            auditor,
            encryptor,
            available=infra.installation.kafka_has_logins,
            bootstrap=settings.feed_bootstrap or infra.installation.kafka_bootstrap,
        ),
        oidc=OidcService(clock, new_id, auditor, throttle, entrance, messages, provider, policy),
        deletions=DeletionService(clock, auditor, DeletionRequests(clock, new_id), machines),
        standing=StandingService(api_keys, clock),
        administration=AdministrationService(clock, auditor, messages),
    )


def main() -> None:
    installation, settings = InstallationSettings(), Settings()
    set_up("auth", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_app(installation, settings), host=installation.host, port=settings.port)


if __name__ == "__main__":
    main()
