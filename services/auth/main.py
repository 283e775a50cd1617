"""Composition root of the auth service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from fastapi import FastAPI

from services.auth.handlers import subscribe
from services.auth.repository import PostgresUnits, Units
from services.auth.routes import Services, build_router
from services.auth.service.accounts import AccountService
from services.auth.service.keys import KeyRing
from services.auth.service.members import MemberService
from services.auth.service.organizations import OrganizationService
from services.auth.service.passwords import PasswordHasher
from services.auth.service.secrets import SettingsSealer
from services.auth.service.sign_in import SignInService
from services.auth.service.throttle import Throttle
from services.auth.service.tokens import AccessTokens
from services.auth.service.trail import TrailService
from services.auth.settings import Settings
from services.auth.upkeep import Upkeep
from shared.audit import Auditor
from shared.crypto import Encryptor
from shared.http.application import build_application
from shared.http.caller import Guard
from shared.http.idempotency import Idempotency
from shared.infrastructure import Infrastructure
from shared.kafka.consumer import Consumer
from shared.observability.setup import set_up
from shared.process import serve
from shared.settings import InstallationSettings
from shared.tokens import TokenVerifier

# Their bodies hold passwords or secrets and their answers tokens: none may be kept, not even as a hash.
NEVER_KEPT = ("/api/v1/auth/", "/api/v1/users/me/password", "/api/v1/organizations/")


def create_app(installation: InstallationSettings, settings: Settings) -> FastAPI:
    infra = Infrastructure("auth", installation, settings)
    units = PostgresUnits(infra.database, infra.clock, infra.new_id)
    services = _services(infra, units, settings)
    # Its own tokens are verified with its own keys, without asking itself over HTTP.
    guard = Guard(TokenVerifier(services.keys.published))
    consumer = Consumer(infra.kafka, infra.database, units, infra.new_id, group="auth")
    subscribe(consumer, services.trail)
    upkeep = Upkeep(units, infra.clock, services.keys)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        async with infra.running(infra.relay.run(), consumer.run(), upkeep.run()):
            yield

    app = build_application(
        service="auth",
        description="Users, organizations, memberships, sessions and the audit trail.",
        lifespan=lifespan,
        checks={**infra.checks(), "consumer": consumer.check, "signing keys": services.keys.check},
        middleware=[Idempotency.middleware(infra.database, guard, never_kept=NEVER_KEPT)],
    )
    app.include_router(build_router(services, units, guard))
    return app


def _services(infra: Infrastructure, units: Units, settings: Settings) -> Services:
    clock, new_id, auditor = infra.clock, infra.new_id, Auditor(infra.clock)
    hasher = PasswordHasher(settings.password_pepper.get_secret_value(), settings.bcrypt_cost)
    throttle = Throttle(clock)
    token_lifetime = timedelta(minutes=settings.access_token_minutes)
    encryptor = Encryptor(infra.installation.encryption_keys.get_secret_value())
    keys = KeyRing(
        units,
        clock,
        encryptor,
        key_lifetime=timedelta(days=settings.signing_key_days),
        token_lifetime=token_lifetime,
    )
    organizations = OrganizationService(clock, new_id, auditor, SettingsSealer(encryptor))
    return Services(
        accounts=AccountService(clock, new_id, auditor, hasher, throttle, organizations),
        sign_in=SignInService(
            clock,
            new_id,
            auditor,
            hasher,
            throttle,
            idle=timedelta(days=settings.session_idle_days),
            longest=timedelta(days=settings.session_longest_days),
        ),
        organizations=organizations,
        members=MemberService(clock, auditor),
        trail=TrailService(),
        tokens=AccessTokens(keys, clock, new_id, token_lifetime),
        keys=keys,
    )


def main() -> None:
    installation, settings = InstallationSettings(), Settings()
    set_up("auth", log_level=installation.log_level, log_format=installation.log_format)
    serve(create_app(installation, settings), host=installation.host, port=settings.port)


if __name__ == "__main__":
    main()
