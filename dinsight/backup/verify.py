"""Verifies a backup: by restoring it into a scratch cluster and reading it, or by reading its files."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from dinsight.backup.database import migrations
from dinsight.backup.errors import Damaged
from dinsight.backup.manifest import Verification
from dinsight.backup.objects import choose_files
from dinsight.backup.recovery import NOT_DURABLE, Say, fetch_wal, recovered, silent, unpack
from dinsight.backup.repository import Repository
from dinsight.backup.scratch import ScratchServer
from dinsight.backup.targets import Target
from dinsight.installation import SERVICES
from dinsight.servers.account import Account, server_account
from dinsight.servers.external import run_tool, said_by

PREFIX = "dinsight-verify-"
RESTORED, READ = "restored", "read"


async def verify(
    repository: Repository, target: Target, *, restore: bool = True, say: Say = silent
) -> Verification:
    """Raises Damaged or BackupError at the first fault. A success is noted in the repository."""
    began = time.monotonic()
    files = await asyncio.to_thread(_read_files, repository, target)
    say(f"{files} files of the object store are whole and authentic")
    account = server_account()
    await asyncio.to_thread(_remove_left_behind)
    with tempfile.TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}-") as place:
        # PostgreSQL's user must be able to enter, and nobody to look.
        os.chmod(place, 0o711)  # noqa: S103
        folder = Path(place) / "data"
        folder.mkdir(mode=0o700)
        if restore:
            await _restore(repository, target, folder, account, say)
        else:
            await asyncio.to_thread(_read_all, repository, target, folder, say)
    outcome = Verification(
        datetime.now(UTC), RESTORED if restore else READ, round(time.monotonic() - began, 1)
    )
    await asyncio.to_thread(outcome.write, repository, target.manifest)
    return outcome


def _remove_left_behind() -> None:
    """Folders of verifications that were killed; a new process may have the number of one of them."""
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        pid = path.name.removeprefix(PREFIX).partition("-")[0]
        if pid.isdecimal() and (int(pid) == os.getpid() or not Path(f"/proc/{pid}").exists()):
            shutil.rmtree(path, ignore_errors=True)


def _read_files(repository: Repository, target: Target) -> int:
    manifest = target.manifest
    chosen = choose_files(manifest.objects, list(repository.list("objects")), manifest.started_at, None)
    for file in chosen:
        size = sum(len(piece) for piece in repository.read(file.name))
        expected = manifest.objects.get(file.name, size)
        if size != expected:
            raise Damaged(f"{file.name} has {size} bytes instead of {expected}.")
    return len(chosen)


def _read_all(repository: Repository, target: Target, folder: Path, say: Say) -> None:
    """Every checksum, and that no WAL is missing, without a server."""
    size = 0
    for piece in repository.read(target.manifest.base):
        size += len(piece)
    if size != target.manifest.base_bytes:
        raise Damaged(f"{target.manifest.base} has {size} bytes instead of {target.manifest.base_bytes}.")
    say(f"base backup {target.manifest.id}: {size / 2**20:.0f} MiB read")
    say(f"WAL: {fetch_wal(repository, target, folder / 'wal')} segments read")


async def _restore(
    repository: Repository, target: Target, folder: Path, account: Account | None, say: Say
) -> None:
    await asyncio.to_thread(unpack, repository, target, folder, account, say)
    async with recovered(target, folder, account, NOT_DURABLE) as scratch:
        say("recovered, and started")
        await check_database(scratch, target.manifest.migrations)
        say("every index fits its table, and every row was read")


async def check_database(scratch: ScratchServer, expected: Mapping[str, str]) -> None:
    """The schemas are there, indexes fit their tables, and every row can be read."""
    connection = await scratch.connect()
    try:
        found = await migrations(connection)
        if missing := expected.keys() - found.keys():
            raise Damaged(f"The restored database has no schema of {', '.join(sorted(missing))}.")
        can_check = await connection.fetchval(
            "SELECT true FROM pg_available_extensions WHERE name = 'amcheck'"
        )
    finally:
        await connection.close()
    schemas = [f"--schema={service}" for service in SERVICES if service in found]
    if can_check:
        await _run(scratch, "pg_amcheck", "--install-missing", *schemas, scratch.server.database)
    if schemas:
        await _run(scratch, "pg_dump", "--file=/dev/null", *schemas)


async def _run(scratch: ScratchServer, program: str, *arguments: str) -> None:
    command = [scratch.binaries.program(program), *arguments]
    ended = await asyncio.to_thread(run_tool, command, env=scratch.environment(), cwd=scratch.folder)
    if ended.returncode != 0:
        raise Damaged(f"{program} finds the restored database damaged: {said_by(ended)}")
