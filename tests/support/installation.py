"""A provisioned, migrated database and the settings of an installation for integration tests."""

import base64
import os
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
from pydantic import SecretStr

from dinsight.installation import SERVICES
from dinsight.provision.databases import provision
from shared.kafka.connection import KafkaConnection
from shared.settings import InstallationSettings
from tests.support.signing import PUBLIC_KEYS, SIGNING_KEY

PASSWORD = "pw"


@dataclass(frozen=True)
class TestDatabase:
    """`admin_dsn` may do everything; `dsn(service)` is what the service itself logs in with."""

    __test__ = False
    admin_dsn: str

    def dsn(self, service: str) -> str:
        parts = urlsplit(self.admin_dsn)
        place = parts.netloc.rpartition("@")[2]
        login = f"dinsight_{quote(service)}:{PASSWORD}"
        return urlunsplit(parts._replace(netloc=f"{login}@{place}"))


async def create_database(server_dsn: str, name: str | None = None) -> TestDatabase:
    """A new provisioned database, not yet migrated, on the server."""
    name = name or f"dinsight_test_{uuid4().hex[:12]}"
    connection = await asyncpg.connect(server_dsn)
    try:
        await connection.execute(f"CREATE DATABASE {name}")
    finally:
        await connection.close()
    admin_dsn = urlunsplit(urlsplit(server_dsn)._replace(path=f"/{name}"))
    await provision(admin_dsn, dict.fromkeys(SERVICES, PASSWORD))
    return TestDatabase(admin_dsn)


async def find_database(server_dsn: str, name: str) -> TestDatabase | None:
    """A database that was created by this name."""
    connection = await asyncpg.connect(server_dsn)
    try:
        found = await connection.fetchval("SELECT true FROM pg_database WHERE datname = $1", name)
    finally:
        await connection.close()
    return TestDatabase(urlunsplit(urlsplit(server_dsn)._replace(path=f"/{name}"))) if found else None


async def drop_database(server_dsn: str, database: TestDatabase) -> None:
    connection = await asyncpg.connect(server_dsn)
    try:
        name = urlsplit(database.admin_dsn).path.lstrip("/")
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    finally:
        await connection.close()


def kafka_at(bootstrap: str) -> KafkaConnection:
    """Clients of a broker of the tests, which trusts everybody."""
    settings = InstallationSettings(kafka_bootstrap=bootstrap, event_public_keys=PUBLIC_KEYS)
    return KafkaConnection(settings, client_id="test")


def installation_settings(*, kafka_bootstrap: str, auth_url: str, storage_url: str) -> InstallationSettings:
    return InstallationSettings(
        kafka_bootstrap=kafka_bootstrap,
        kafka_session_timeout_ms=3_000,
        kafka_heartbeat_ms=500,
        auth_url=auth_url,
        storage_url=storage_url,
        encryption_keys=SecretStr("test:" + base64.b64encode(os.urandom(32)).decode()),
        event_signing_key=SIGNING_KEY,
        event_public_keys=PUBLIC_KEYS,
        log_format="console",
    )
