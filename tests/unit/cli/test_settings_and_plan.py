"""From variables to programs: ports, addresses, logins, and who gets to know which."""

from __future__ import annotations

import json
import random
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path

import pytest

from dinsight.installation import ENCRYPTING, SERVICES
from shared.events.signatures import public_key
from tests.support.ports import reserve_port
from tools.local.chosen_ports import choose_ports
from tools.local.errors import LocalError, PortTaken
from tools.local.layout import Layout
from tools.local.plan import LocalEnvironment, with_login
from tools.local.ports import HOST, free_port, is_free, owner_of
from tools.local.programs import Program
from tools.local.secrets import LocalSecrets, load_or_create_secrets
from tools.local.settings import BrokerKind, LocalSettings

EXTERNAL = {
    "DINSIGHT_DATABASE_URL": "postgresql://boss:s%40fe@db.example:5432/plant",
    "DINSIGHT_KAFKA_BOOTSTRAP": "kafka.example:9092",
    "DINSIGHT_STORAGE_URL": "s3://uploads",
}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(root=tmp_path, state_dir=tmp_path / "state")
    made.create()
    return made


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    with socket.create_server((HOST, 0)) as server:
        yield server


def environment(
    layout: Layout, environ: Mapping[str, str], workers: int = 1, with_services: bool = True
) -> LocalEnvironment:
    settings = LocalSettings.from_environ({"DINSIGHT_GATEWAY_PORT": str(reserve_port()), **environ})
    return LocalEnvironment(
        layout=layout,
        settings=settings,
        secrets=LocalSecrets.generate(),
        ports=choose_ports(layout, settings, workers, random.Random()),
        environ=environ,
        workers=workers,
        with_services=with_services,
    )


def service(made: LocalEnvironment, name: str) -> Program:
    return next(program for program in made.plan().services if program.name == name)


def test_defaults_are_local_servers_and_port_8000() -> None:
    settings = LocalSettings.from_environ({"DINSIGHT_DATABASE_URL": ""})
    assert settings.database_url is None
    assert settings.kafka_bootstrap is None
    assert settings.broker_kind is BrokerKind.TANSU
    assert settings.asked_ports == {"gateway": 8000}


@pytest.mark.parametrize("value", ["http", "0", "65536", "-1", "80.5"])
def test_an_invalid_port_is_reported_with_its_variable(value: str) -> None:
    with pytest.raises(LocalError, match="DINSIGHT_AUTH_PORT"):
        LocalSettings.from_environ({"DINSIGHT_AUTH_PORT": value})


def test_an_unknown_broker_is_refused_with_the_known_ones() -> None:
    with pytest.raises(LocalError, match="tansu, apache"):
        LocalSettings.from_environ({"DINSIGHT_LOCAL_BROKER": "rabbit"})


def test_a_port_in_use_is_reported_with_its_owner_and_the_variable(
    layout: Layout, listener: socket.socket
) -> None:
    port = listener.getsockname()[1]
    settings = LocalSettings.from_environ({"DINSIGHT_GATEWAY_PORT": str(port)})
    with pytest.raises(PortTaken, match=rf"{port} \(gateway\).*process \d+.*DINSIGHT_GATEWAY_PORT"):
        choose_ports(layout, settings, 1, random.Random())


def test_ports_stay_from_run_to_run_unless_taken(layout: Layout) -> None:
    settings = LocalSettings.from_environ({"DINSIGHT_GATEWAY_PORT": str(reserve_port())})
    first = choose_ports(layout, settings, 1, random.Random())
    assert choose_ports(layout, settings, 1, random.Random()) == first
    with socket.create_server((HOST, first["auth"])):
        second = choose_ports(layout, settings, 2, random.Random())
    assert second["auth"] != first["auth"]
    assert {**second, "auth": 0, "worker-2": 0} == {**first, "auth": 0, "worker-2": 0}
    assert len(set(second.values())) == len(second)


def test_free_ports_lie_below_those_of_outgoing_connections(listener: socket.socket) -> None:
    assert 20_000 <= free_port(random.Random()) < 32_000
    port = listener.getsockname()[1]
    assert not is_free(port)
    assert "process" in owner_of(port)


def test_the_login_of_an_address_is_replaced_and_nothing_else() -> None:
    assert (
        with_login("postgresql://boss:pw@h:1/db?sslmode=require", "dinsight_auth", "a/b@c")
        == "postgresql://dinsight_auth:a%2Fb%40c@h:1/db?sslmode=require"
    )
    with pytest.raises(LocalError, match="DINSIGHT_DATABASE_URL"):
        with_login("mysql://h/db", "a", "b")


def test_external_servers_are_used_instead_of_local_ones(layout: Layout) -> None:
    made = environment(layout, EXTERNAL)
    assert made.plan().servers == ()
    variables = made.variables()
    assert {name: variables[name] for name in EXTERNAL} == EXTERNAL
    login = variables["DINSIGHT_ALERTING_DATABASE_URL"]
    assert login.startswith("postgresql://dinsight_alerting:")
    assert login.endswith("@db.example:5432/plant")


def test_each_service_gets_its_own_login_only(layout: Layout) -> None:
    made = environment(layout, EXTERNAL, workers=2)
    logins = {
        program.name: {name for name in program.env if name.endswith("DATABASE_URL")}
        for program in made.plan().services
    }
    assert logins == {
        "auth": {"DINSIGHT_AUTH_DATABASE_URL"},
        "machines": {"DINSIGHT_MACHINES_DATABASE_URL"},
        "analysis": {"DINSIGHT_ANALYSIS_DATABASE_URL"},
        "alerting": {"DINSIGHT_ALERTING_DATABASE_URL"},
        "worker-1": {"DINSIGHT_ANALYSIS_DATABASE_URL"},
        "worker-2": {"DINSIGHT_ANALYSIS_DATABASE_URL"},
        "gateway": set(),
        "web": set(),
        # It acts as the owner of every schema.
        "maintenance": {"DINSIGHT_DATABASE_URL"},
    }


def test_each_program_gets_its_own_keys_only(layout: Layout) -> None:
    made = environment(layout, EXTERNAL)
    secret = {"DINSIGHT_ENCRYPTION_KEYS", "DINSIGHT_PASSWORD_PEPPER", "DINSIGHT_EVENT_SIGNING_KEY"}
    assert {program.name: secret & program.env.keys() for program in made.plan().services} == {
        "auth": secret,
        "machines": secret - {"DINSIGHT_PASSWORD_PEPPER"},
        "analysis": secret - {"DINSIGHT_PASSWORD_PEPPER"},
        "alerting": secret - {"DINSIGHT_PASSWORD_PEPPER"},
        # The relay of its service signs.
        "worker-1": {"DINSIGHT_ENCRYPTION_KEYS"},
        "gateway": set(),
        "web": set(),
        "maintenance": set(),
    }
    for name in SERVICES:
        env = service(made, name).env
        assert env["DINSIGHT_EVENT_SIGNING_KEY"] == made.secrets.signing_keys[name]
        assert not [other for other in env if other.endswith("_EVENT_SIGNING_KEY") and name.upper() in other]
        assert env["DINSIGHT_ENCRYPTION_KEYS"] == made.secrets.encryption_keys[name]
        assert f"{name}:{public_key(made.secrets.signing_keys[name])}" in env["DINSIGHT_EVENT_PUBLIC_KEYS"]


def test_no_two_programs_share_encryption_keys(layout: Layout) -> None:
    made = environment(layout, EXTERNAL)
    keys = made.secrets.encryption_keys
    assert keys.keys() == set(ENCRYPTING)
    assert len({each.partition(":")[2] for each in keys.values()}) == len(keys)
    assert service(made, "worker-1").env["DINSIGHT_ENCRYPTION_KEYS"] == keys["analysis"]
    names = {name for each in made.plan().services for name in each.env if "ENCRYPTION_KEYS" in name}
    assert names == {"DINSIGHT_ENCRYPTION_KEYS"}


def test_keys_that_are_set_for_all_programs_are_used_by_each(layout: Layout) -> None:
    made = environment(layout, {**EXTERNAL, "DINSIGHT_ENCRYPTION_KEYS": "mine:key"})
    for name in (*SERVICES, "worker-1"):
        assert service(made, name).env["DINSIGHT_ENCRYPTION_KEYS"] == "mine:key"


def test_programs_of_an_older_version_go_on_with_the_keys_that_they_shared(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    path.write_text(json.dumps({**asdict(LocalSecrets.generate()), "encryption_keys": "local1:key"}))
    assert load_or_create_secrets(path).encryption_keys == dict.fromkeys(ENCRYPTING, "local1:key")


def test_secrets_of_an_older_version_get_what_they_lack(tmp_path: Path) -> None:
    path = tmp_path / "secrets.json"
    made = asdict(LocalSecrets.generate())
    del made["signing_keys"]
    path.write_text(json.dumps(made), encoding="utf-8")
    completed = load_or_create_secrets(path)
    assert completed.encryption_keys == made["encryption_keys"]
    assert completed.signing_keys.keys() == set(SERVICES)
    assert load_or_create_secrets(path) == completed
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_worker_has_its_own_port(layout: Layout) -> None:
    made = environment(layout, EXTERNAL, workers=2)
    ports = [service(made, f"worker-{number}").env["DINSIGHT_WORKER_PORT"] for number in (1, 2)]
    assert ports == [str(made.ports["worker-1"]), str(made.ports["worker-2"])]
    assert ports[0] != ports[1]


def test_explicit_settings_take_precedence_over_derived_ones(layout: Layout) -> None:
    mine = {"DINSIGHT_AUTH_DATABASE_URL": "postgresql://me@other/db", "DINSIGHT_PASSWORD_PEPPER": ""}
    made = environment(layout, {**EXTERNAL, **mine, "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector"})
    env = service(made, "auth").env
    assert env["DINSIGHT_AUTH_DATABASE_URL"] == mine["DINSIGHT_AUTH_DATABASE_URL"]
    assert env["DINSIGHT_PASSWORD_PEPPER"] == made.secrets.password_pepper
    assert env["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://collector"


def test_messages_are_written_to_a_folder_without_a_mail_server(layout: Layout) -> None:
    made = environment(layout, EXTERNAL)
    env = service(made, "auth").env
    assert env["DINSIGHT_AUTH_MAIL_URL"] == (layout.state_dir / "mail").as_uri()
    assert layout.mail.stat().st_mode & 0o777 == 0o700
    assert env["DINSIGHT_AUTH_PUBLIC_URL"] == made.page_url
    named = {**EXTERNAL, "DINSIGHT_AUTH_MAIL_URL": "smtp://mail.example"}
    assert service(environment(layout, named), "auth").env["DINSIGHT_AUTH_MAIL_URL"] == "smtp://mail.example"


def test_a_plan_of_servers_only_has_no_services(layout: Layout) -> None:
    plan = environment(layout, EXTERNAL, with_services=False).plan()
    assert plan.services == ()
    assert plan.addresses == {}
