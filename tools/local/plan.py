"""Turns settings, secrets and ports into the programs of one environment. Starts nothing."""

from __future__ import annotations

import json
import os
import random
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

from dinsight.backup.context import BACKUP_URL, NO_BACKUPS, SPOOL
from dinsight.installation import DATABASE_URL, SERVICES, database_variable
from dinsight.servers.account import server_account
from dinsight.servers.postgres import choose_binaries, find_binaries
from tools.local.errors import LocalError, PortTaken
from tools.local.kafka import ApacheKafka, libraries_of
from tools.local.layout import Layout
from tools.local.ports import HOST, free_port, is_free, owner_of
from tools.local.postgres import LocalPostgres
from tools.local.probes import http_ready
from tools.local.programs import Job, Kind, Plan, Program
from tools.local.secrets import LocalSecrets
from tools.local.settings import BrokerKind, LocalSettings, port_variable

# Apache Kafka's defaults would let a killed worker go unnoticed for 45 s; one machine can be quicker.
SESSION_TIMEOUT_MS = 3_000
HEARTBEAT_MS = 500

_TITLES = {
    "auth": "Auth service",
    "machines": "Machines service",
    "analysis": "Analysis service",
    "alerting": "Alerting service",
    "gateway": "Gateway",
    "web": "Web page",
    "maintenance": "Maintenance",
    "backup": "Backups",
}


def worker_name(number: int) -> str:
    return f"worker-{number}"


def choose_ports(
    layout: Layout, settings: LocalSettings, workers: int, rng: random.Random
) -> Mapping[str, int]:
    """Choose a port for every program: the configured one, else that of the last run, else a free one."""
    remembered = _remembered(layout.ports_file)
    names = [*SERVICES, "gateway", "web", "maintenance", "backup"]
    names += [worker_name(number) for number in range(1, workers + 1)]
    if settings.database_url is None:
        names.append("postgres")
    if settings.kafka_bootstrap is None:
        names += ["kafka", *(["kafka-controller"] if settings.broker_kind is BrokerKind.APACHE else [])]
    chosen: dict[str, int] = {}
    for name in names:
        asked = settings.asked_ports.get(name)
        if asked is not None:
            _must_be_free(asked, name)
            chosen[name] = asked
    for name in names:
        known = remembered.get(name)
        if name in chosen:
            continue
        if known is not None and known not in chosen.values() and is_free(known):
            chosen[name] = known
        else:
            chosen[name] = free_port(rng, taken=(*chosen.values(), *remembered.values()))
    layout.ports_file.write_text(json.dumps({**remembered, **chosen}, indent=1) + "\n", encoding="utf-8")
    return chosen


def load_ports(layout: Layout) -> Mapping[str, int]:
    """Return the ports that the last `up` chose."""
    return _remembered(layout.ports_file)


def _remembered(path: Path) -> dict[str, int]:
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return {str(name): int(port) for name, port in stored.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise LocalError(f"{path} is damaged ({error}). Delete it; new ports will be chosen.") from error


def _must_be_free(port: int, name: str) -> None:
    if not is_free(port):
        raise PortTaken(port, _TITLES.get(name, name).lower(), port_variable(name), owner_of(port))


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
            "DINSIGHT_KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "DINSIGHT_STORAGE_URL": self.storage_url,
            "DINSIGHT_KAFKA_SESSION_TIMEOUT_MS": str(SESSION_TIMEOUT_MS),
            "DINSIGHT_KAFKA_HEARTBEAT_MS": str(HEARTBEAT_MS),
            "DINSIGHT_ENCRYPTION_KEYS": self.secrets.encryption_keys,
            "DINSIGHT_PASSWORD_PEPPER": self.secrets.password_pepper,
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
        topics = self._job("topics", "Topics", "provision", "topics")
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

    def _job(self, name: str, title: str, *command: str) -> Job:
        return Job(
            name=name,
            title=title,
            argv=(sys.executable, "-m", "dinsight", *command),
            env=self.variables(),
            cwd=self.layout.root,
        )

    def _services(self) -> Iterable[Program]:
        for service in SERVICES:
            yield self._service(service, _TITLES[service], f"services.{service}.main", database=service)
        for number in range(1, self.workers + 1):
            name = worker_name(number)
            yield self._service(name, f"Analysis worker {number}", "services.analysis.worker", "analysis")
        yield self._service("gateway", _TITLES["gateway"], "services.gateway.main", database=None)
        yield self._service("web", _TITLES["web"], "services.web.main", database=None)
        # An environment that is thrown away does not live to see a night.
        if self.durable:
            yield self._operating("maintenance")
        if self.variables()[BACKUP_URL] != NO_BACKUPS:
            yield self._operating("backup")

    def _operating(self, name: str) -> Program:
        """It works on the whole database, and so has the administrator's login and nobody else's."""
        env = self.variables()
        for service in SERVICES:
            env.pop(database_variable(service))
        port = self.ports[name]
        return Program(
            name=name,
            title=_TITLES[name],
            kind=Kind.SERVICE,
            argv=(sys.executable, "-m", f"dinsight.{name}.main"),
            env=env,
            cwd=self.layout.root,
            port=port,
            ready=http_ready(port),
        )

    def _service(self, name: str, title: str, module: str, database: str | None) -> Program:
        env = self.variables()
        # A service gets its own database login and nobody else's, and never the administrator's.
        for service in SERVICES:
            if service != database:
                env.pop(database_variable(service))
        env.pop(DATABASE_URL)
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
