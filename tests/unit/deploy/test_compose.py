"""docker-compose.yml describes the system that the code is."""

import os
import re
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest

from dinsight.installation import (
    DATABASE_URL,
    ENCRYPTING,
    KAFKA_BOOTSTRAP,
    database_variable,
)
from dinsight.installation import SERVICES as DATABASE_SERVICES
from dinsight.provision.rights import SUBSCRIPTIONS
from shared.crypto import Encryptor
from shared.secret_files import FILE_SUFFIX
from shared.settings import InstallationSettings
from tests.unit.deploy.compose import (
    compose,
    example,
    fresh_environment,
    names_used,
    parse_environment,
    raw,
)
from tests.unit.deploy.programs import PREFIX, PROGRAMS, ROOT, Program

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
OUR_IMAGE = "dinsight:0.1.0"
# Has PostgreSQL's own programs beside our code.
BACKUP_IMAGE = "dinsight-backup:0.1.0"
CHOICES = {
    "GATEWAY_ADDRESS",
    "GATEWAY_PORT",
    "ANALYSIS_WORKERS",
    "DINSIGHT_GATEWAY_TRUSTED_PROXIES",
    "DINSIGHT_ALLOWED_ORIGINS",
    "DINSIGHT_GATEWAY_RATE_LIMIT_URL",
    "DINSIGHT_ANALYSIS_SOURCES_FOLDER",
    "DINSIGHT_ANALYSIS_SOURCES_ENDPOINTS",
    "DINSIGHT_ANALYSIS_SOURCES_ALLOW_PRIVATE",
    "DINSIGHT_AUTH_FEED_BOOTSTRAP",
    "DINSIGHT_AUTH_OIDC_ISSUER",
    "DINSIGHT_AUTH_OIDC_CLIENT_ID",
    "DINSIGHT_AUTH_OIDC_CLIENT_SECRET",
    "DINSIGHT_AUTH_OIDC_REDIRECT_URL",
    "DINSIGHT_AUTH_OIDC_REQUIRED_ACR",
    "DINSIGHT_AUTH_OIDC_REQUIRED_AMR",
    "DINSIGHT_AUTH_PASSWORD_SIGN_IN",
    "DINSIGHT_AUTH_REGISTRATION",
    "DINSIGHT_LOG_LEVEL",
    "DINSIGHT_BACKUP_URL",
    "DINSIGHT_BACKUP_HOUR",
    "DINSIGHT_BACKUP_AWS_ENDPOINT",
    "DINSIGHT_BACKUP_AWS_REGION",
    "DINSIGHT_BACKUP_AWS_ACCESS_KEY_ID",
    "DINSIGHT_BACKUP_AWS_SECRET_ACCESS_KEY",
    "DINSIGHT_BACKUP_AWS_ALLOW_HTTP",
    "DINSIGHT_AUTH_MAIL_URL",
    "DINSIGHT_AUTH_MAIL_SENDER",
    "DINSIGHT_AUTH_PUBLIC_URL",
    "DINSIGHT_AUTH_REQUIRE_VERIFIED_EMAIL",
    "DINSIGHT_WEB_ALLOW_PLAIN_HTTP",
    "DINSIGHT_WEB_PROVIDER_NAME",
}
# They end: one before services of a new version start, the other after those of the old one have ended.
JOBS = {"keys", "object-rights", "provision", "finish-upgrade", "re-encrypt", "restore"}
MIGRATING = {"provision", "finish-upgrade"}
# Who may be handed which secret; PostgreSQL, the object store and Grafana know their own.
SECRETS = {
    "POSTGRES_PASSWORD": {"postgres", "maintenance", "backup", "re-encrypt", *MIGRATING},
    "AUTH_DATABASE_PASSWORD": {*MIGRATING, "auth"},
    "MACHINES_DATABASE_PASSWORD": {*MIGRATING, "machines"},
    "ANALYSIS_DATABASE_PASSWORD": {*MIGRATING, "analysis", "worker"},
    "ALERTING_DATABASE_PASSWORD": {*MIGRATING, "alerting"},
    "BROKER_ADMINISTRATOR_PASSWORD": {"kafka", "provision"},
    "AUTH_BROKER_PASSWORD": {"provision", "auth"},
    "MACHINES_BROKER_PASSWORD": {"provision", "machines"},
    "ANALYSIS_BROKER_PASSWORD": {"provision", "analysis"},
    "ALERTING_BROKER_PASSWORD": {"provision", "alerting"},
    "GATEWAY_BROKER_PASSWORD": {"provision", "gateway"},
    "DOWNSTREAM_BROKER_PASSWORD": {"provision"},
    "AUTH_EVENT_KEY": {"keys", "auth"},
    "MACHINES_EVENT_KEY": {"keys", "machines"},
    "ANALYSIS_EVENT_KEY": {"keys", "analysis"},
    "ALERTING_EVENT_KEY": {"keys", "alerting"},
    "DINSIGHT_PASSWORD_PEPPER": {"auth"},
    "DINSIGHT_AUTH_ENCRYPTION_KEYS": {"auth", "re-encrypt"},
    "DINSIGHT_MACHINES_ENCRYPTION_KEYS": {"machines", "re-encrypt"},
    "DINSIGHT_ANALYSIS_ENCRYPTION_KEYS": {"analysis", "worker", "re-encrypt"},
    "DINSIGHT_ALERTING_ENCRYPTION_KEYS": {"alerting", "re-encrypt"},
    "DINSIGHT_BACKUP_ENCRYPTION_KEYS": {"backup", "restore"},
    "S3_ACCESS_KEY": {"objects", "object-rights", "restore"},
    "S3_SECRET_KEY": {"objects", "object-rights", "restore"},
    "ANALYSIS_OBJECTS_PASSWORD": {"object-rights", "analysis", "worker"},
    "MAINTENANCE_OBJECTS_PASSWORD": {"object-rights", "maintenance"},
    "BACKUP_OBJECTS_PASSWORD": {"object-rights", "backup"},
    "GRAFANA_PASSWORD": {"grafana"},
}

each_program = pytest.mark.parametrize("program", PROGRAMS.values(), ids=lambda program: program.name)


def clean_environment(monkeypatch: pytest.MonkeyPatch, service: str) -> None:
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)
    for name, value in SERVICES[service]["environment"].items():
        # Files are there once the containers run.
        if not name.endswith(FILE_SUFFIX):
            monkeypatch.setenv(name, str(value))


@each_program
def test_every_program_of_the_code_is_there(program: Program) -> None:
    service = SERVICES[program.name]
    assert service["command"] == ["python", "-m", program.module]
    assert service["image"] == (BACKUP_IMAGE if program.name == "backup" else OUR_IMAGE)


def test_every_listed_program_exists_in_the_code() -> None:
    ours = {name for name, service in SERVICES.items() if service["image"] in (OUR_IMAGE, BACKUP_IMAGE)}
    assert ours == PROGRAMS.keys() | JOBS - {"object-rights"}


@each_program
def test_every_needed_variable_is_given_and_no_unknown_one(program: Program) -> None:
    names = SERVICES[program.name]["environment"]
    given = {name.removesuffix(FILE_SUFFIX) for name in names if name.startswith(PREFIX)}
    assert program.required <= given
    assert given <= program.variables.keys()


@each_program
def test_the_settings_can_be_read(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment(monkeypatch, program.name)
    installation = InstallationSettings()
    for settings in program.settings:
        settings()
    reaches_broker = program.name in SUBSCRIPTIONS
    assert (installation.kafka_bootstrap == "kafka:9092") is reaches_broker
    assert installation.kafka_security_protocol == ("SASL_SSL" if reaches_broker else "PLAINTEXT")
    assert installation.kafka_sasl_username == (program.name if reaches_broker else "")
    assert bool(installation.event_signing_key.get_secret_value()) is (program.name in DATABASE_SERVICES)
    assert installation.host == "0.0.0.0"


@pytest.mark.parametrize("service", [*ENCRYPTING, "worker"])
def test_fresh_encryption_keys_can_be_used(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment(monkeypatch, service)
    encryptor = Encryptor(InstallationSettings().encryption_keys.get_secret_value())
    sealed = encryptor.encrypt("text", purpose="test")
    assert encryptor.decrypt(sealed, purpose="test") == "text"


def test_the_provision_job_gives_each_service_the_login_it_uses() -> None:
    environment = SERVICES["provision"]["environment"]
    databases = {service: database_variable(service) for service in DATABASE_SERVICES}
    assert environment.keys() >= {DATABASE_URL, KAFKA_BOOTSTRAP, *databases.values()}
    for service, variable in databases.items():
        url = urlsplit(environment[variable])
        assert url.username == f"dinsight_{service}"
        assert unquote(url.password or "") == fresh_like(url.password)
        assert SERVICES[service]["environment"][variable] == environment[variable]


def test_an_upgrade_is_finished_when_every_service_is_new() -> None:
    job = SERVICES["finish-upgrade"]
    assert job["environment"].items() <= SERVICES["provision"]["environment"].items()
    assert job["command"] == [*SERVICES["provision"]["command"], "databases", "--after"]
    waited_for = {name for name, wait in job["depends_on"].items() if wait["condition"] == "service_healthy"}
    assert waited_for == PROGRAMS.keys() - {"gateway", "maintenance", "backup"}


def fresh_like(password: str | None) -> str:
    """A password that needs no quoting in a URL."""
    found = re.fullmatch(r"[0-9A-Za-z]{32,}", password or "")
    assert found, "database passwords must be letters and digits"
    return found.group()


@each_program
def test_addresses_name_services_and_ports(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    clean_environment(monkeypatch, program.name)
    installation = InstallationSettings()
    for service in DATABASE_SERVICES:
        url = urlsplit(getattr(installation, f"{service}_url"))
        assert (url.scheme, url.hostname, url.port) == ("http", service, port_of(service))


def port_of(program: str) -> int:
    """The port that a program listens on, unless its environment says otherwise."""
    settings = PROGRAMS[program].settings[-1]
    assert not any(name.endswith("_PORT") for name in SERVICES[program]["environment"] if PREFIX in name)
    port: int = settings.model_fields["port"].default
    return port


@each_program
def test_the_health_check_asks_the_programs_own_port(program: Program) -> None:
    assert SERVICES[program.name]["healthcheck"]["test"][-1] == str(port_of(program.name))


def test_backups_stream_from_the_server_and_cannot_fill_its_disk() -> None:
    postgres = SERVICES["postgres"]
    settings = dict(word.split("=", 1) for word in postgres["command"] if "=" in word)
    assert settings["wal_level"] == "replica"
    assert settings["max_slot_wal_keep_size"] == "4GB"
    [mount] = [mount for mount in postgres["volumes"] if mount.endswith(f"{settings['hba_file']}:ro")]
    rules = (ROOT / mount.split(":")[0]).read_text(encoding="utf-8").splitlines()
    user = urlsplit(SERVICES["backup"]["environment"][DATABASE_URL]).username
    assert ["host", "replication", user, "all", "scram-sha-256"] in [rule.split() for rule in rules]


def test_timescaledb_sends_no_telemetry() -> None:
    command = SERVICES["postgres"]["command"]
    assert "timescaledb" in SERVICES["postgres"]["image"]
    assert ["-c", "timescaledb.telemetry_level=off"] in [command[i : i + 2] for i in range(len(command))]


def test_only_the_gateway_is_published_on_loopback() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if service.get("ports")}
    assert published == {"gateway": [f"127.0.0.1:8000:{port_of('gateway')}"]}


def test_the_local_compose_file_publishes_on_loopback_only() -> None:
    local = raw("deploy/compose.local.yml")["services"]
    # Docker publishes no port of a container in internal networks alone.
    assert all("outside" in service["networks"] for service in local.values())
    assert local.keys() <= SERVICES.keys()
    ports = [port for service in local.values() for port in service["ports"]]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_bounded_and_pinned(name: str) -> None:
    service = SERVICES[name]
    assert re.fullmatch(r"[\w./-]+:v?\d+(\.\d+)+[\w.-]*(@sha256:[0-9a-f]{64})?", service["image"])
    assert service["restart"] == ("no" if name in JOBS else "unless-stopped")
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}


def test_the_broker_is_the_version_that_the_tests_run_against() -> None:
    pom = (ROOT / "tools" / "local" / "kafka-pom.xml").read_text(encoding="utf-8")
    found = re.search(r"<artifactId>kafka_2\.13</artifactId>\s*<version>([\d.]+)</version>", pom)
    assert found is not None
    assert SERVICES["kafka"]["image"].split("@")[0] == f"apache/kafka:{found.group(1)}"


@pytest.mark.parametrize("name", SERVICES)
def test_dependencies_in_compose_have_health_checks(name: str) -> None:
    for other, wait in SERVICES[name].get("depends_on", {}).items():
        if wait["condition"] == "service_healthy":
            assert "test" in SERVICES[other]["healthcheck"]
        else:
            assert other in JOBS
            assert wait["condition"] == "service_completed_successfully"


@each_program
def test_programs_start_after_preparing_and_cannot_write(program: Program) -> None:
    service = SERVICES[program.name]
    assert "provision" in service["depends_on"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]


def test_the_example_names_exactly_what_the_file_uses() -> None:
    assert parse_environment(example()).keys() == names_used(raw())
    assert parse_environment(example()).keys() == SECRETS.keys() | CHOICES


def test_the_example_holds_no_secret_and_the_fresh_one_all() -> None:
    given, fresh = parse_environment(example()), fresh_environment()
    assert {name for name, value in given.items() if value} <= CHOICES
    assert all(fresh[name] for name in SECRETS)
    assert len({fresh[name] for name in SECRETS}) == len(SECRETS)


@pytest.mark.parametrize("name", sorted(CHOICES))
def test_a_choice_keeps_what_the_example_says_also_nothing(name: str) -> None:
    assert fresh_environment()[name] == parse_environment(example())[name]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_reaches_only_those_who_need_it(secret: str) -> None:
    holders = {name for name, service in raw()["services"].items() if secret in names_used(service)}
    assert holders == SECRETS[secret]


@pytest.mark.parametrize("name", SERVICES)
def test_mounted_files_exist_and_are_read_only(name: str) -> None:
    for mount in SERVICES[name].get("volumes", []):
        if isinstance(mount, str) and mount.startswith("."):
            source, _, mode = mount.split(":")
            assert (ROOT / source).exists()
            assert source.startswith("./deploy/")
            assert mode == "ro"


def test_named_volumes_and_networks_are_declared() -> None:
    document = compose()
    mounts = [mount for service in SERVICES.values() for mount in service.get("volumes", [])]
    named = {mount.split(":")[0] for mount in mounts if isinstance(mount, str) and mount[0] not in "./"}
    assert named == document["volumes"].keys()
    assert {network for service in SERVICES.values() for network in service["networks"]} == document[
        "networks"
    ].keys()
