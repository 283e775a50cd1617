"""What the local environment adds to backups: the line of `status`, secrets from escrow, where data goes."""

from __future__ import annotations

import json
import os
import random
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from dinsight.backup.context import BACKUP_URL, NO_BACKUPS
from dinsight.installation import database_variable, encryption_keys_variable
from tests.support.ports import reserve_port
from tools.local.backups import backup_line, describe
from tools.local.chosen_ports import choose_ports
from tools.local.connect import stopped_environment
from tools.local.errors import LocalError
from tools.local.home import LocalHome
from tools.local.layout import Layout
from tools.local.metrics import SAMPLE
from tools.local.processes import ProcessRef, identify
from tools.local.secrets import LocalSecrets, load_secrets
from tools.local.settings import LocalSettings
from tools.local.state import ProgramState, RunState, save_state

AGE, WAL_AGE = "dinsight_backup_age_seconds", "dinsight_backup_wal_age_seconds"


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(root=tmp_path, state_dir=tmp_path / "state")
    made.create()
    # Whatever runs on the default port beside the tests.
    choose_ports(
        made,
        LocalSettings.from_environ({"DINSIGHT_GATEWAY_PORT": str(reserve_port())}),
        workers=1,
        rng=random.Random(),
    )
    return made


def run_state(supervisor: ProcessRef, *programs: ProgramState) -> RunState:
    return RunState("run", supervisor, time.time(), 1, programs=list(programs))


@pytest.mark.parametrize(
    ("samples", "text", "style"),
    [
        ({AGE: 7_300.0, WAL_AGE: 1.4}, "the last verified one is 2 h old; writes are 1 s behind", ""),
        ({AGE: 90_000.0, WAL_AGE: 1.0}, "is 25 h old", "red"),
        ({AGE: 3.0 * 86_400, WAL_AGE: 600.0}, "is 3 d old; writes are 10 min behind", "red"),
        ({}, "none is verified yet; no WAL was shipped yet", "red"),
    ],
)
def test_the_line_of_status(samples: dict[str, float], text: str, style: str) -> None:
    line = describe(samples)
    assert text in line.plain
    assert line.style == style


def test_samples_are_read_with_their_labels() -> None:
    text = f'# HELP {AGE} Age\n{AGE}{{otel_scope_name="x"}} 12.5\n{WAL_AGE} 1e-3\n'
    assert SAMPLE.findall(text) == [(AGE, "12.5"), (WAL_AGE, "1e-3")]


def test_a_program_that_does_not_answer_is_told() -> None:
    me = identify(os.getpid())
    assert me is not None
    assert "none: set DINSIGHT_BACKUP_URL" in backup_line(run_state(me)).plain
    silent = ProgramState("backup", "Backups", "service", reserve_port(), "backup.log", 15)
    assert "does not respond" in backup_line(run_state(me, silent)).plain


def test_secrets_come_back_from_the_variables(layout: Layout) -> None:
    made = stopped_environment(layout, {})
    assert LocalSecrets.from_variables(made.variables()) == made.secrets
    assert load_secrets(layout.secrets_file) is None, "an installation at rest gets no new secrets"


def test_a_server_of_ones_own_is_not_backed_up_unless_asked(layout: Layout) -> None:
    theirs = {"DINSIGHT_DATABASE_URL": "postgresql://a:b@db.example/plant"}
    assert stopped_environment(layout, {}).variables()[BACKUP_URL] == layout.backups.as_uri()
    assert stopped_environment(layout, theirs).variables()[BACKUP_URL] == NO_BACKUPS
    asked = {**theirs, BACKUP_URL: "s3://bucket"}
    assert stopped_environment(layout, asked).variables()[BACKUP_URL] == "s3://bucket"


def test_the_program_has_the_administrators_login_and_no_other(layout: Layout) -> None:
    plan = stopped_environment(layout, {}).plan()
    [backup] = [program for program in plan.services if program.name == "backup"]
    assert "DINSIGHT_DATABASE_URL" in backup.env
    assert database_variable("auth") not in backup.env
    off = stopped_environment(layout, {BACKUP_URL: NO_BACKUPS}).plan()
    assert all(program.name != "backup" for program in off.services)


def test_what_is_replaced_lies_beside_what_replaces_it(layout: Layout) -> None:
    home = LocalHome(layout, {})
    layout.postgres.mkdir()
    (layout.postgres / "PG_VERSION").write_text("15")
    (layout.storage / "upload").write_text("measured")
    (layout.spool / "000000010000000000000002").write_text("WAL")
    with pytest.raises(LocalError, match="`--replace` moves it aside"):
        home.make_room(replace=False)
    home.make_room(replace=True)
    assert not layout.postgres.exists()
    assert list(layout.storage.iterdir()) == list(layout.spool.iterdir()) == []
    [postgres] = layout.state_dir.glob("postgres.replaced-*")
    [storage] = layout.state_dir.glob("storage.replaced-*")
    assert (postgres / "PG_VERSION").read_text() == "15"
    assert (storage / "upload").read_text() == "measured"


def test_a_running_installation_is_not_restored_onto(layout: Layout) -> None:
    me = identify(os.getpid())
    assert me is not None
    save_state(layout.state_file, run_state(me))
    with pytest.raises(LocalError, match="DInsight is running here"):
        LocalHome(layout, {}).make_room(replace=False)


def test_secrets_of_an_escrow_file_replace_others_and_keep_them(layout: Layout) -> None:
    old, new = LocalSecrets.generate(), LocalSecrets.generate()
    layout.secrets_file.write_text(json.dumps(asdict(old)))
    variables = {
        **{encryption_keys_variable(program): keys for program, keys in new.encryption_keys.items()},
        "DINSIGHT_PASSWORD_PEPPER": new.password_pepper,
    }
    LocalHome(layout, {}).keep_secrets(variables)
    found = load_secrets(layout.secrets_file)
    assert found is not None
    assert (found.encryption_keys, found.password_pepper) == (new.encryption_keys, new.password_pepper)
    assert layout.secrets_file.stat().st_mode & 0o777 == 0o600
    [kept] = layout.state_dir.glob("secrets.json.replaced-*")
    assert load_secrets(kept) == old
