"""What goes wrong with backups is refused, survived or found, and said."""

from __future__ import annotations

import asyncio
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict
from itertools import product
from pathlib import Path

import asyncpg
import httpx2
import pytest
from typer.testing import CliRunner

from dinsight.backup.context import BackupContext
from dinsight.backup.database import BACKUP_LOCK
from dinsight.backup.errors import BackupError, Damaged
from dinsight.backup.manifest import read_backups
from dinsight.backup.targets import choose
from dinsight.backup.verify import READ, verify
from dinsight.cli import build
from dinsight.installation import Installation
from tests.drill.drill import until
from tests.drill.machine import Machine
from tests.integration.backup.receiving import lose_wal, receiver_of
from tests.servers import ROOT
from tests.support.waiting import eventually
from tools.local.chosen_ports import load_ports

FULL_BYTES = 100_000


@pytest.fixture(scope="module")
def backed_up(machine: Machine) -> Machine:
    """With a file in the object store, WAL after the backup, and a segment that is being written."""
    # The program takes and verifies the first one by itself; from then on it leaves the machine to the tests.
    until(lambda: any(backup.verified for backup in machine.backups()), "a verified backup")
    folder = machine.layout.storage / "uploads"
    folder.mkdir(exist_ok=True)
    (folder / "one").write_bytes(b"measured" * 1000)
    machine.run("backup", "run")
    asyncio.run(_write(machine))
    return machine


async def _write(machine: Machine) -> None:
    connection = await asyncpg.connect(machine.env["DINSIGHT_DATABASE_URL"])
    await connection.execute("CREATE TABLE IF NOT EXISTS public.more (number bigint)")
    await connection.execute("INSERT INTO public.more SELECT generate_series(1, 1000)")
    await connection.execute("SELECT pg_switch_wal()")
    await connection.execute("INSERT INTO public.more VALUES (0)")
    at = await connection.fetchval("SELECT extract(epoch FROM clock_timestamp())::float8")
    await connection.close()

    async def complete() -> bool:
        return machine.complete_at() > float(at)

    await eventually(complete, what="the WAL in the repository")


@pytest.fixture
def copy(backed_up: Machine, tmp_path: Path) -> BackupContext:
    """A copy of the repository, in which nobody else writes; its newest WAL is needed."""
    asyncio.run(_write(backed_up))
    source = BackupContext.of(Installation(backed_up.env))
    for _ in range(20):
        # Pieces of WAL may be replaced by others while the folder is copied.
        try:
            shutil.copytree(source.url.removeprefix("file://"), tmp_path / "copy")
            break
        except shutil.Error:
            shutil.rmtree(tmp_path / "copy")
    return BackupContext.of(
        Installation({**backed_up.env, "DINSIGHT_BACKUP_URL": (tmp_path / "copy").as_uri()})
    )


async def read_all(place: BackupContext) -> str:
    repository = place.chosen(None)
    target = choose(repository, read_backups(repository), None)
    return (await verify(repository, target, restore=False)).how


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def replace_by_another(path: Path) -> None:
    """By a file that is authentic under its own name; of the same kind, where there is one."""
    cluster = next(parent for parent in path.parents if parent.name.isdecimal())
    others = [*path.parent.iterdir(), *cluster.rglob("*")]
    shutil.copyfile(next(other for other in others if other.is_file() and other != path), path)


KINDS = {
    "base": "backups/*/base",
    "manifest": "backups/*/manifest",
    "WAL": "wal/*",
    # A piece that was shipped after the position was noted is missed by nobody; the first one is.
    "piece of WAL": "tail/*@0-*",
    "file": "objects/uploads/*",
}


def newest(place: BackupContext, kind: str) -> Path:
    """What came before the backup is not needed by it."""
    return sorted(Path(place.url.removeprefix("file://")).glob(f"*/{KINDS[kind]}"))[-1]


async def test_an_undamaged_repository_is_good(copy: BackupContext) -> None:
    assert await read_all(copy) == READ


CHANGES: dict[str, Callable[[Path], None]] = {
    "bit": damage,
    "cut": truncate,
    "swap": replace_by_another,
    "lost": Path.unlink,
}


# A backup without its manifest is one that was interrupted: it is not listed.
@pytest.mark.parametrize(
    ("kind", "change"), [pair for pair in product(KINDS, CHANGES) if pair != ("manifest", "lost")]
)
async def test_every_damage_of_the_repository_is_found(copy: BackupContext, kind: str, change: str) -> None:
    path = newest(copy, kind)
    CHANGES[change](path)
    with pytest.raises(Damaged):
        await read_all(copy)


def test_the_program_tells_its_age_and_no_secret_is_visible(backed_up: Machine) -> None:
    port = load_ports(backed_up.layout)["backup"]

    async def verified() -> str:
        async with httpx2.AsyncClient() as client:
            text = (await client.get(f"http://127.0.0.1:{port}/metrics")).text
        return text if "dinsight_backup_age_seconds" in text else ""

    text = asyncio.run(eventually(verified, seconds=240, what="a verified backup"))
    assert re.search(r"^dinsight_backup_wal_age_seconds\S* [\d.]+", text, re.MULTILINE)
    env = backed_up.env
    secrets = [env["DINSIGHT_PASSWORD_PEPPER"], env["DINSIGHT_BACKUP_ENCRYPTION_KEYS"].split(":")[1]]
    secrets += re.findall(r"://[^:]+:([^@]+)@", env["DINSIGHT_DATABASE_URL"])
    receiver = asyncio.run(receiver_of(backed_up))
    seen = [" ".join(receiver.cmdline()), (backed_up.layout.state_dir / "backup.log").read_text()]
    seen += [json.dumps(asdict(backup.manifest), default=str) for backup in backed_up.backups()]
    assert [secret for secret in secrets for text in seen if secret in text] == []


def test_a_backup_that_is_killed_leaves_nothing_behind(backed_up: Machine) -> None:
    before = [backup.manifest.id for backup in backed_up.backups()]
    process = subprocess.Popen(
        [sys.executable, "-m", "tools.cli", "backup", "run"],
        cwd=ROOT,
        env=dict(backed_up.environ),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    asyncio.run(_streaming(backed_up, process))
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert [backup.manifest.id for backup in backed_up.backups()][: len(before)] == before
    # The lock went with its session.
    backed_up.run("backup", "run")
    assert len(backed_up.backups()) > len(before)
    repository = BackupContext.of(Installation(backed_up.env)).chosen(None)
    named = {name.split("/")[1] for name in repository.list("backups")}
    assert named == {backup.manifest.id for backup in backed_up.backups()}


async def _streaming(machine: Machine, process: subprocess.Popen[bytes]) -> None:
    """Until a base backup is on its way, or over already."""
    connection = await asyncpg.connect(machine.env["DINSIGHT_DATABASE_URL"])

    async def begun() -> bool:
        copied = await connection.fetchval("SELECT count(*) FROM pg_stat_progress_basebackup")
        return bool(copied) or process.poll() is not None

    await eventually(begun, every=0.005, what="a base backup")
    await connection.close()


async def test_two_backups_at_once_are_one(backed_up: Machine) -> None:
    connection = await asyncpg.connect(backed_up.env["DINSIGHT_DATABASE_URL"])
    await connection.execute("SELECT pg_advisory_lock($1)", BACKUP_LOCK)
    said = await asyncio.to_thread(backed_up.fails, "backup", "run")
    await connection.close()
    assert "Another backup of this database is running" in said


def test_a_full_repository_is_told(backed_up: Machine) -> None:
    """A limit on the size of files is for who writes what a full disk is."""
    count = len(backed_up.backups())
    ended = subprocess.run(
        [sys.executable, "-m", "tools.cli", "backup", "run"],
        cwd=ROOT,
        env=dict(backed_up.environ),
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (FULL_BYTES, FULL_BYTES)),
    )
    assert ended.returncode == 1
    assert re.search(r"error: backups/\S+/base cannot be written in the repository file://", ended.stderr)
    assert len(backed_up.backups()) == count


def test_a_repository_that_cannot_be_written_is_told(backed_up: Machine, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    env = {**backed_up.env, "DINSIGHT_BACKUP_URL": f"file://{tmp_path}/file/repository"}
    result = CliRunner().invoke(build(lambda: Installation(env)), ["backup", "list"])
    assert result.exit_code == 1
    assert "The repository file://" in result.output


@pytest.mark.parametrize(
    ("key_id", "answer"), [("backup1", "is not the one that"), ("other", "is not among the encryption keys")]
)
def test_a_wrong_key_is_told(backed_up: Machine, key_id: str, answer: str) -> None:
    keys = f"{key_id}:{'A' * 43}="
    env = {**backed_up.env, "DINSIGHT_BACKUP_ENCRYPTION_KEYS": keys}
    result = CliRunner().invoke(build(lambda: Installation(env)), ["backup", "verify"])
    assert result.exit_code == 1
    assert answer in " ".join(result.output.split())


def test_an_escrow_file_is_written_once_and_proves_itself(backed_up: Machine, tmp_path: Path) -> None:
    path = tmp_path / "keys.env"
    said = backed_up.run("backup", "keys", str(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert backed_up.env["DINSIGHT_PASSWORD_PEPPER"] not in said
    assert "is not overwritten" in backed_up.fails("backup", "keys", str(path))
    env = {"DINSIGHT_BACKUP_URL": backed_up.env["DINSIGHT_BACKUP_URL"], "DINSIGHT_ENCRYPTION_KEYS": "x"}
    result = CliRunner().invoke(
        build(lambda: Installation(env)), ["backup", "verify", "--read-only", "--keys", str(path)]
    )
    assert result.exit_code == 0, result.output
    assert "is good (read" in result.output


def test_a_folder_with_data_is_not_touched(backed_up: Machine, tmp_path: Path) -> None:
    (tmp_path / "postgres").mkdir()
    (tmp_path / "postgres" / "PG_VERSION").write_text("15")
    assert "is not empty" in backed_up.fails("restore", "--into", str(tmp_path))
    assert "DInsight is running here" in backed_up.fails("restore", "--to", "latest")


async def test_a_restore_without_any_room_is_refused(
    copy: BackupContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = copy.chosen(None)
    target = choose(repository, read_backups(repository), None)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1, 1, 0))
    with pytest.raises(BackupError, match="MiB are free there"):
        await verify(repository, target)


def test_an_outage_of_the_repository_is_made_up_for(backed_up: Machine) -> None:
    """The database goes on meanwhile, and the program says that it cannot ship."""
    folder = Path(backed_up.env["DINSIGHT_BACKUP_URL"].removeprefix("file://"))
    aside = folder.with_name("aside")
    folder.rename(aside)
    folder.write_text("in the way")
    try:
        asyncio.run(_written_in_vain(backed_up))
    finally:
        folder.unlink()
        aside.rename(folder)
    asyncio.run(_write(backed_up))


async def _written_in_vain(machine: Machine) -> None:
    connection = await asyncpg.connect(machine.env["DINSIGHT_DATABASE_URL"])
    await connection.execute("INSERT INTO public.more SELECT generate_series(1, 1000)")
    await connection.close()
    port = load_ports(machine.layout)["backup"]
    failures = re.compile(r'^dinsight_loop_failures_total\{.*loop="WAL shipping".*\} [\d.]+', re.MULTILINE)

    async def told() -> bool:
        async with httpx2.AsyncClient() as client:
            return bool(failures.search((await client.get(f"http://127.0.0.1:{port}/metrics")).text))

    await eventually(told, what="a failure of shipping")


def test_lost_wal_is_followed_by_a_new_backup(backed_up: Machine) -> None:
    """As after an outage that was too long: the server has dropped WAL that the repository lacks."""
    known = {backup.manifest.id for backup in backed_up.backups()}
    with pytest.raises(BackupError):
        asyncio.run(lose_wal(backed_up))

    def verified_after() -> bool:
        return any(backup.verified for backup in backed_up.backups() if backup.manifest.id not in known)

    until(verified_after, "a verified backup after the gap")
    before_the_gap = sorted(known)[-1]
    said = backed_up.run("backup", "verify", "--read-only", before_the_gap)
    assert f"{before_the_gap} is good" in said
