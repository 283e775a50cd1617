"""Turns settings, secrets and ports into the programs of one environment. Starts nothing."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

from dinsight.backup.context import BACKUP_URL, NO_BACKUPS, SPOOL
from dinsight.installation import (
    BROKER_ADMINISTRATOR,
    DATABASE_URL,
    ENCRYPTING,
    ENCRYPTION_KEYS,
    EVENT_PUBLIC_KEYS,
    EVENT_SIGNING_KEY,
    KAFKA_BOOTSTRAP,
    PASSWORD_PEPPER,
    SERVICES,
    Installation,
    broker_password_variable,
    database_variable,
    encryption_keys_variable,
    signing_key_variable,
)
from dinsight.servers.account import server_account
from dinsight.servers.postgres import choose_binaries, find_binaries
from tools.local.chosen_ports import TITLES, worker_name
from tools.local.errors import LocalError
from tools.local.kafka import ApacheKafka, libraries_of
from tools.local.layout import Layout
from tools.local.ports import HOST
from tools.local.postgres import LocalPostgres
from tools.local.probes import http_ready
from tools.local.programs import Job, Kind, Plan, Program
from tools.local.secrets import LocalSecrets
from tools.local.settings import BrokerKind, LocalSettings, port_variable

# Apache Kafka's defaults would let a killed worker go unnoticed for 45 s; one machine can be quicker.
SESSION_TIMEOUT_MS = 3_000
HEARTBEAT_MS = 500


def with_login(dsn: str, user: str, password: str) -> str:
    """Return the address of the same database with another login."""
    parts = urlsplit(dsn)
    if parts.scheme not in ("postgresql", "postgres") or not parts.hostname:
        raise LocalError(f"{DATABASE_URL} must look like postgresql://user:password@host:5432/database.")
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{quote(user)}:{quote(password, safe='')}@{place}"))


# A program computes on one core, and more workers use more of them. Threads that wait for each other win
# little where cores are free, and cost many times that where they are not.
COMPUTING_THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")


@dataclass(frozen=True)
class LocalEnvironment:
    """The settings, secrets and ports of one environment, and everything derived from them."""

    layout: Layout
    settings: LocalSettings
    secrets: LocalSecrets
    ports: Mapping[str, int]
    environ: Mapping[str, str]
    workers: int = 1
    with_services: bool = True
    durable: bool = True

    def postgres(self) -> LocalPostgres | None:
        if self.settings.database_url is not None:
            return None
        found = find_binaries(self.environ.get("PATH", os.defpath))
        return LocalPostgres(
            data=self.layout.postgres,
            port=self.ports["postgres"],
            password=self.secrets.postgres_password,
            binaries=choose_binaries(self.layout.postgres, found),
            account=server_account(),
            durable=self.durable,
        )

    def apache_kafka(self) -> ApacheKafka | None:
        if self.settings.kafka_bootstrap is not None or self.settings.broker_kind is not BrokerKind.APACHE:
            return None
        return ApacheKafka(
            folder=self.layout.kafka,
            libraries=libraries_of(self.layout.root),
            port=self.ports["kafka"],
            controller_port=self.ports["kafka-controller"],
            secured_port=self.ports["kafka-secured"],
            administrator_password=self.secrets.broker_passwords[BROKER_ADMINISTRATOR],
        )

    @property
    def admin_dsn(self) -> str:
        if self.settings.database_url is not None:
            return self.settings.database_url
        postgres = self.postgres()
        assert postgres is not None
        return postgres.admin_dsn

    @property
    def kafka_bootstrap(self) -> str:
        return self.settings.kafka_bootstrap or f"{HOST}:{self.ports['kafka']}"

    @property
    def storage_url(self) -> str:
        return self.settings.storage_url or self.layout.storage.as_uri()

    @property
    def gateway_url(self) -> str:
        return f"http://{HOST}:{self.ports['gateway']}"

    @property
    def page_url(self) -> str:
        """Where people reach the page. Passkeys know hosts by name and refuse addresses."""
        return f"http://localhost:{self.ports['gateway']}"

    def variables(self) -> dict[str, str]:
        """Return every variable of the platform. Variables that the caller has set are kept."""
        ours = {
            "DINSIGHT_DATABASE_URL": self.admin_dsn,
            KAFKA_BOOTSTRAP: self.kafka_bootstrap,
            "DINSIGHT_STORAGE_URL": self.storage_url,
            "DINSIGHT_KAFKA_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            "DINSIGHT_KAFKA_HEARTBEAT_MS": str(HEARTBEAT_MS),
            PASSWORD_PEPPER: self.secrets.password_pepper,
            EVENT_PUBLIC_KEYS: self.secrets.public_keys,
            "DINSIGHT_AUTH_MAIL_URL": self.layout.mail.as_uri(),
            "DINSIGHT_ALERTING_MAIL_URL": self.layout.mail.as_uri(),
            # A server that somebody else runs is somebody else's to back up, unless a repository is named.
            BACKUP_URL: NO_BACKUPS if self.settings.database_url else self.layout.backups.as_uri(),
            SPOOL: str(self.layout.spool),
            "DINSIGHT_LOG_FORMAT": "json",
            "PYTHONUNBUFFERED": "1",
            **dict.fromkeys(COMPUTING_THREADS, "1"),
        }
        for service in SERVICES:
            password = self.secrets.service_passwords[service]
            ours[database_variable(service)] = with_login(self.admin_dsn, f"dinsight_{service}", password)
            ours[signing_key_variable(service)] = self.secrets.signing_keys[service]
        # Whoever has set keys for all programs has set those of each.
        if not self.environ.get(ENCRYPTION_KEYS):
            for program, keys in self.secrets.encryption_keys.items():
                ours[encryption_keys_variable(program)] = keys
        for user, password in self.secrets.broker_passwords.items():
            ours[broker_password_variable(user)] = password
        # On named servers nothing may ever have been started here: then no port is chosen yet.
        if "backup" in self.ports:
            ours[port_variable("backup")] = str(self.ports["backup"])
        for service in SERVICES:
            if service in self.ports:
                ours[port_variable(service)] = str(self.ports[service])
                ours[f"DINSIGHT_{service.upper()}_URL"] = f"http://{HOST}:{self.ports[service]}"
        if "maintenance" in self.ports:
            ours[port_variable("maintenance")] = str(self.ports["maintenance"])
        if "gateway" in self.ports:
            ours[port_variable("gateway")] = str(self.ports["gateway"])
            ours["DINSIGHT_GATEWAY_URL"] = self.gateway_url
            ours["DINSIGHT_AUTH_PUBLIC_URL"] = self.page_url
            ours["DINSIGHT_ALERTING_PUBLIC_URL"] = self.page_url
        if "web" in self.ports:
            ours[port_variable("web")] = str(self.ports["web"])
            ours["DINSIGHT_WEB_URL"] = f"http://{HOST}:{self.ports['web']}"
        # An empty DINSIGHT_ variable counts as not set.
        theirs = {name: value for name, value in self.environ.items() if value or name not in ours}
        return {**ours, **theirs}

    def plan(self) -> Plan:
        servers = tuple(self._servers())
        # No program of an older version runs by now: the supervisor that had started it has ended.
        databases = self._job(
            "databases", "Database roles and migrations", "provision", "databases", "--after"
        )
        topics = self._job("topics", "Topics", "provision", "topics", user=BROKER_ADMINISTRATOR)
        republish = self._job("republish", "Events of the last day", "republish")
        forgets = any(server.forgets for server in servers)
        return Plan(
            servers=servers,
            jobs=(databases,) if forgets else (databases, topics),
            refill=(topics, republish) if forgets else (),
            services=tuple(self._services()) if self.with_services else (),
            addresses={"page": self.page_url, "gateway": self.gateway_url} if self.with_services else {},
        )

    def _servers(self) -> Iterable[Program]:
        if (postgres := self.postgres()) is not None:
            yield postgres.server()
        if (kafka := self.apache_kafka()) is not None:
            yield kafka.server(self.environ)
        elif self.settings.kafka_bootstrap is None:
            # Imported here: the package with the broker's binary is not needed with an external broker.
            from tools.local.broker import tansu

            yield tansu(self.ports["kafka"], self.layout.state_dir, self.environ)

    def _job(self, name: str, title: str, *command: str, user: str = "") -> Job:
        return Job(
            name=name,
            title=title,
            argv=(sys.executable, "-m", "dinsight", *command),
            env={**self.variables(), **self._broker_login(user)},
            cwd=self.layout.root,
        )

    def _services(self) -> Iterable[Program]:
        for service in SERVICES:
            yield self._service(service, TITLES[service], f"services.{service}.main", service)
        for number in range(1, self.workers + 1):
            name = worker_name(number)
            yield self._service(name, f"Analysis worker {number}", "services.analysis.worker", "analysis")
        yield self._service("gateway", TITLES["gateway"], "services.gateway.main")
        yield self._service("web", TITLES["web"], "services.web.main")
        # An environment that is thrown away does not live to see a night.
        if self.durable:
            yield self._operating("maintenance")
        if self.variables()[BACKUP_URL] != NO_BACKUPS:
            yield self._operating("backup")

    def _broker_login(self, user: str) -> dict[str, str]:
        """How a program reaches a broker that asks for logins; nothing for programs that do not."""
        kafka = self.apache_kafka()
        if kafka is None or user not in self.secrets.broker_passwords:
            return {}
        return {
            KAFKA_BOOTSTRAP: f"{HOST}:{kafka.secured_port}",
            "DINSIGHT_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "DINSIGHT_KAFKA_SASL_MECHANISM": "PLAIN" if user == BROKER_ADMINISTRATOR else "SCRAM-SHA-512",
            "DINSIGHT_KAFKA_SASL_USERNAME": user,
            "DINSIGHT_KAFKA_SASL_PASSWORD": self.secrets.broker_passwords[user],
            "DINSIGHT_KAFKA_CA": str(kafka.authority),
        }

    def _without_secrets(self) -> dict[str, str]:
        """What every program may know."""
        secret = {DATABASE_URL, ENCRYPTION_KEYS, PASSWORD_PEPPER, EVENT_SIGNING_KEY}
        for service in SERVICES:
            secret |= {database_variable(service), signing_key_variable(service)}
        secret |= {broker_password_variable(user) for user in self.secrets.broker_passwords}
        secret |= {encryption_keys_variable(program) for program in ENCRYPTING}
        return {name: value for name, value in self.variables().items() if name not in secret}

    def _operating(self, name: str) -> Program:
        """It works on the whole database, and so has the administrator's login and nobody else's."""
        env = self._without_secrets()
        env[DATABASE_URL] = self.variables()[DATABASE_URL]
        if name == "backup":
            env[ENCRYPTION_KEYS] = Installation(self.variables()).encryption_keys(name)
        port = self.ports[name]
        return Program(
            name=name,
            title=TITLES[name],
            kind=Kind.SERVICE,
            argv=(sys.executable, "-m", f"dinsight.{name}.main"),
            env=env,
            cwd=self.layout.root,
            port=port,
            ready=http_ready(port),
        )

    def _service(self, name: str, title: str, module: str, service: str | None = None) -> Program:
        """A program of a service gets the login and keys of that service, and nobody else's."""
        env = self._without_secrets()
        if service is not None:
            known = self.variables()
            env[database_variable(service)] = known[database_variable(service)]
            env[ENCRYPTION_KEYS] = Installation(known).encryption_keys(service)
        # A worker's events are signed by the relay of its service.
        if name == service:
            env[EVENT_SIGNING_KEY] = known[signing_key_variable(service)]
        if name == "auth":
            env[PASSWORD_PEPPER] = known[PASSWORD_PEPPER]
        env |= self._broker_login(name)
        port = self.ports[name]
        if name.startswith("worker-"):
            env[port_variable("worker")] = str(port)
        return Program(
            name=name,
            title=title,
            kind=Kind.SERVICE,
            argv=(sys.executable, "-m", module),
            env=env,
            cwd=self.layout.root,
            port=port,
            ready=http_ready(port),
        )
