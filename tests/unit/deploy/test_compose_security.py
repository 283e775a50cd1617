"""docker-compose.yml gives each container what it needs and nothing else."""

from typing import Any

import pytest

from dinsight.installation import (
    BROKER_ADMINISTRATOR,
    BROKER_USERS,
    ENCRYPTING,
    ENCRYPTION_KEYS,
    Installation,
    broker_password_variable,
    signing_key_variable,
)
from dinsight.installation import SERVICES as DATABASE_SERVICES
from dinsight.provision.rights import SUBSCRIPTIONS
from shared.events.signatures import public_key
from shared.secret_files import FILE_SUFFIX
from tests.unit.deploy.compose import compose
from tools.local.kafka_security import CONTROLLER, LISTENER, security_settings

SERVICES: dict[str, dict[str, Any]] = compose()["services"]
# Who talks to others than the programs and servers of the installation, and with whom.
REACH_OUT = {
    "auth": "mail server, sign-in provider",
    "alerting": "mail server, webhooks",
    "worker": "watched places",
    "backup": "the repository of backups",
    "restore": "the repository of backups",
    "gateway": "its port is published",
}
# Whose file system is not read-only, and why.
WRITES = {"kafka": "its image writes its configuration at each start"}


def test_the_provision_job_gives_each_user_of_the_broker_the_password_it_uses() -> None:
    environment = SERVICES["provision"]["environment"]
    for user in BROKER_USERS:
        password = environment[broker_password_variable(user)]
        if user in SERVICES:
            own = SERVICES[user]["environment"]
            assert (own["DINSIGHT_KAFKA_SASL_USERNAME"], own["DINSIGHT_KAFKA_SASL_PASSWORD"]) == (
                user,
                password,
            )
    kafka = Installation(environment_without_files("provision")).kafka()
    assert kafka.settings.kafka_sasl_username == BROKER_ADMINISTRATOR
    assert kafka.settings.kafka_sasl_mechanism == "PLAIN"


def test_secrets_are_re_encrypted_with_the_keys_that_the_services_use() -> None:
    job = SERVICES["re-encrypt"]
    assert job["command"] == ["python", "-m", "dinsight", "re-encrypt"]
    # Only whoever asks for it starts it.
    assert job["profiles"] == ["tools"]
    installation = Installation(job["environment"])
    for service in DATABASE_SERVICES:
        own = SERVICES[service]["environment"][ENCRYPTION_KEYS]
        assert installation.encryption_keys(service) == own
    given = [SERVICES[name]["environment"][ENCRYPTION_KEYS] for name in ENCRYPTING]
    assert len(set(given)) == len(ENCRYPTING)
    assert SERVICES["worker"]["environment"][ENCRYPTION_KEYS] == given[ENCRYPTING.index("analysis")]


@pytest.mark.parametrize(
    ("program", "login"),
    [
        ("analysis", "analysis"),
        ("worker", "analysis"),
        ("maintenance", "maintenance"),
        ("backup", "backup"),
    ],
)
def test_each_program_uses_its_own_login_at_the_object_store(program: str, login: str) -> None:
    own, job = (SERVICES[name]["environment"] for name in (program, "object-rights"))
    assert own["AWS_ACCESS_KEY_ID"] == login
    assert own["AWS_SECRET_ACCESS_KEY"] == job[f"{login.upper()}_SECRET_KEY"]
    waits_for = SERVICES[program]["depends_on"]["object-rights"]["condition"]
    assert waits_for == "service_completed_successfully"


def environment_without_files(service: str) -> dict[str, str]:
    return {
        name: str(value)
        for name, value in SERVICES[service]["environment"].items()
        if not name.endswith(FILE_SUFFIX)
    }


def test_the_broker_is_as_safe_as_the_one_that_the_tests_run_against() -> None:
    """The image makes properties of variables: `___` is a hyphen, `_` a dot."""
    environment = {
        name.removeprefix("KAFKA_").replace("___", "-").replace("_", ".").lower(): str(value)
        for name, value in SERVICES["kafka"]["environment"].items()
        if name.startswith("KAFKA_")
    }
    password = SERVICES["provision"]["environment"]["DINSIGHT_KAFKA_SASL_PASSWORD"]
    tested = security_settings(
        password=password, keystore="/broker/server.pem", authority="/public/authority.pem"
    )
    assert environment.items() >= tested.items()
    protocols = dict(pair.split(":") for pair in environment["listener.security.protocol.map"].split(","))
    assert protocols == {LISTENER: "SASL_SSL", CONTROLLER: "SASL_PLAINTEXT"}
    # What is not encrypted stays within the container.
    assert f"{CONTROLLER}://127.0.0.1:9093" in environment["listeners"].split(",")
    assert environment["advertised.listeners"] == f"{LISTENER}://kafka:9092"


def test_keys_are_made_before_the_broker_starts_and_read_by_whoever_needs_them() -> None:
    command = SERVICES["keys"]["command"]
    assert command[:4] == ["python", "-m", "dinsight", "keys"]
    assert SERVICES["kafka"]["depends_on"]["keys"]["condition"] == "service_completed_successfully"
    environment = SERVICES["keys"]["environment"]
    assert environment.keys() == {signing_key_variable(service) for service in DATABASE_SERVICES}
    for service in DATABASE_SERVICES:
        own = SERVICES[service]["environment"]["DINSIGHT_EVENT_SIGNING_KEY"]
        assert environment[signing_key_variable(service)] == own
        assert public_key(own)
    mounted = {name: SERVICES[name].get("volumes", []) for name in SERVICES}
    assert {name for name, mounts in mounted.items() if "broker:/broker:ro" in mounts} == {"kafka"}
    assert {name for name, mounts in mounted.items() if "broker:/broker" in mounts} == {"keys"}
    for name in (*SUBSCRIPTIONS, "provision", "kafka"):
        assert "public:/public:ro" in mounted[name], name


def test_only_who_must_reaches_the_outside() -> None:
    networks = compose()["networks"]
    closed = {name for name, network in networks.items() if network and network.get("internal")}
    assert closed == networks.keys() - {"outside"}
    reaching = {name for name, service in SERVICES.items() if set(service["networks"]) - closed}
    assert reaching == REACH_OUT.keys()


@pytest.mark.parametrize("name", SERVICES)
def test_every_container_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert "cap_add" not in service
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) is (name not in WRITES)
    assert not service.get("privileged")
    assert "/var/run/docker.sock" not in str(service.get("volumes"))
