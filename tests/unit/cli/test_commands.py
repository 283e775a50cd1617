"""The commands themselves, with nothing running."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dinsight.cli import build
from dinsight.installation import CommandError, Installation
from dinsight.servers.errors import MissingSoftware
from dinsight.servers.postgres import PostgresBinaries, choose_binaries, find_binaries
from tools.bootstrap import CannotPrepare, must_be_able_to_install, requirements
from tools.cli import app
from tools.local.postgres import (
    LocalPostgres,
    stray_server,
)

RUNNER = CliRunner()
NOWHERE = {"DINSIGHT_DATABASE_URL": "", "DINSIGHT_KAFKA_BOOTSTRAP": ""}


@pytest.fixture
def nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DINSIGHT_STATE_DIR", str(tmp_path / "state"))
    return tmp_path / "state"


def test_help_names_every_command() -> None:
    said = subprocess.run(
        [sys.executable, "-m", "tools.cli", "--help"], capture_output=True, text=True, check=True
    )
    for command in (
        "up",
        "down",
        "status",
        "logs",
        "provision",
        "demo",
        "import",
        "import-legacy",
        "re-encrypt",
        "dead-letters",
    ):
        assert f" {command} " in said.stdout


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, tools.cli\n"
        "heavy = {'numpy', 'asyncpg', 'aiokafka', 'fastapi', 'pydantic', 'sqlalchemy', 'matplotlib'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"


def test_down_and_status_when_nothing_runs(nothing_runs: Path) -> None:
    down = RUNNER.invoke(app, ["down"])
    assert (down.exit_code, down.stdout.strip()) == (0, "Nothing was running.")
    status = RUNNER.invoke(app, ["status"])
    assert status.exit_code == 3
    assert "dinsight up" in status.stdout
    assert not nothing_runs.exists()


def test_a_command_without_a_database_says_how_to_get_one(nothing_runs: Path) -> None:
    result = RUNNER.invoke(app, ["provision"], env=NOWHERE)
    assert result.exit_code == 1
    assert "make up" in result.stderr
    assert "DINSIGHT_DATABASE_URL" in result.stderr


def test_logs_of_an_unknown_program(nothing_runs: Path) -> None:
    result = RUNNER.invoke(app, ["logs", "gatewy"])
    assert result.exit_code == 1
    assert "No log of 'gatewy'" in result.stderr


def test_provision_refuses_an_unknown_step() -> None:
    result = RUNNER.invoke(app, ["provision", "everything"])
    assert result.exit_code == 2
    for step in ("databases", "topics"):
        assert step in result.stderr


def test_the_shipped_command_runs_nothing_here_and_names_the_variable_it_needs() -> None:
    shipped = build(lambda: Installation({}))
    assert not {"up", "down", "demo"} & {command.name for command in shipped.registered_commands}
    result = RUNNER.invoke(shipped, ["provision", "databases"])
    assert result.exit_code == 1
    assert result.stderr == "error: DINSIGHT_DATABASE_URL is not set.\n"


def fake_postgres(folder: Path, version: str) -> Path:
    folder.mkdir(parents=True)
    for name in ("postgres", "initdb", "pg_isready"):
        (folder / name).write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {version}'\n", encoding="utf-8")
        (folder / name).chmod(0o755)
    return folder


def test_the_newest_server_is_found_and_old_ones_are_not(tmp_path: Path) -> None:
    fake_postgres(tmp_path / "places" / "13" / "bin", "13.9 (Debian 13.9-1)")
    fake_postgres(tmp_path / "places" / "15" / "bin", "15.2")
    fake_postgres(tmp_path / "path", "17.1")
    (tmp_path / "linked").symlink_to(tmp_path / "path")
    found = find_binaries(f"{tmp_path / 'path'}:{tmp_path / 'linked'}:", [tmp_path / "places"])
    assert [binaries.major for binaries in found] == [17, 15]
    data = tmp_path / "data"
    assert choose_binaries(data, found).major == 17
    data.mkdir()
    (data / "PG_VERSION").write_text("15\n", encoding="ascii")
    assert choose_binaries(data, found).major == 15


def test_timescaledb_is_loaded_where_it_is_installed_without_telemetry(tmp_path: Path) -> None:
    plain = PostgresBinaries(fake_postgres(tmp_path / "plain" / "bin", "15.2"), 15)
    with_timescale = PostgresBinaries(fake_postgres(tmp_path / "timescale" / "bin", "15.2"), 15)
    (tmp_path / "timescale" / "lib").mkdir()
    (tmp_path / "timescale" / "lib" / "timescaledb.so").touch()
    for binaries, loaded in ((plain, False), (with_timescale, True)):
        argv = LocalPostgres(tmp_path, 5432, "", binaries, None).server().argv
        assert ("shared_preload_libraries=timescaledb" in argv) is loaded
        assert ("timescaledb.telemetry_level=off" in argv) is loaded


def test_no_server_at_all_names_the_package_and_the_variable(tmp_path: Path) -> None:
    with pytest.raises(MissingSoftware, match=r"package postgresql .*DINSIGHT_DATABASE_URL"):
        choose_binaries(tmp_path, find_binaries(str(tmp_path), [tmp_path]))
    assert issubclass(MissingSoftware, CommandError)


def test_another_programs_process_is_no_stray_server(tmp_path: Path) -> None:
    assert stray_server(tmp_path) is None
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        (tmp_path / "postmaster.pid").write_text(f"{bystander.pid}\n{tmp_path}\n", encoding="ascii")
        assert stray_server(tmp_path) is None
    finally:
        bystander.kill()
        bystander.wait()


def test_the_lock_is_split_into_whole_requirements() -> None:
    lock = "# made by a tool\na==1 \\\n    --hash=sha256:00\n    # via b\nB==2 \\\n    --hash=sha256:11\n"
    parts = requirements(lock)
    assert parts == ["a==1 \\\n    --hash=sha256:00\n    # via b\n", "B==2 \\\n    --hash=sha256:11\n"]


def test_without_apt_the_package_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotPrepare, match="package postgresql"):
        must_be_able_to_install("postgresql", "A server is missing")
