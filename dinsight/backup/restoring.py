"""Makes a working installation from the repository: database, files, and outboxes that refill the topics."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Protocol
from urllib.parse import unquote, urlsplit

import obstore
from obstore.store import ObjectStore

from dinsight.administrator import acting_as
from dinsight.backup.database import migrations
from dinsight.backup.errors import BackupError
from dinsight.backup.objects import StoredFile, choose_files, put_back
from dinsight.backup.recovery import Say, finish, recovered, unpack
from dinsight.backup.repository import Repository
from dinsight.backup.scratch import ScratchServer
from dinsight.backup.targets import Target
from dinsight.installation import DATABASE_URL
from dinsight.republish.outboxes import PUBLISH_AGAIN
from dinsight.servers.account import Account, server_account

# A file may be a little younger than the change that refers to it, by the clock of its store.
CLOCKS_DIFFER = timedelta(minutes=5)


class Home(Protocol):
    """Where the database of an installation lies."""

    def make_room(self, *, replace: bool) -> None:
        """Raise BackupError where something runs or lies there; with `replace`, stop it and move it aside."""

    def fill(self, make: Callable[[Path], None]) -> Path:
        """Have an empty folder filled with a cluster, whole or not at all. Returns where it lies then."""

    def keep_secrets(self, variables: Mapping[str, str]) -> None:
        """Take over the keys and passwords of an escrow file."""


class FolderHome:
    """A folder that must be empty, or not there yet."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def make_room(self, *, replace: bool) -> None:
        if self._folder.exists() and any(self._folder.iterdir()):
            raise BackupError(
                f"{self._folder} is not empty, and nothing there is touched. Stop what runs on it, and move"
                " it away."
            )

    def fill(self, make: Callable[[Path], None]) -> Path:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        make(self._folder.resolve())
        return self._folder.resolve()

    def keep_secrets(self, variables: Mapping[str, str]) -> None:
        """The environment has them."""


def restore(
    repository: Repository,
    target: Target,
    home: Home,
    store: ObjectStore,
    variables: Mapping[str, str],
    say: Say,
) -> Path:
    """Fill the home and the object store. Returns the folder of the database."""
    account = server_account()

    def make(folder: Path) -> None:
        unpack(repository, target, folder, account, say)
        asyncio.run(_recover(target, folder, account, variables, say))

    folder = home.fill(make)
    say(f"database: {folder}")
    say(f"files: {restore_files(repository, target, store)}")
    return folder


async def _recover(
    target: Target, folder: Path, account: Account | None, variables: Mapping[str, str], say: Say
) -> None:
    async with recovered(target, folder, account, {}) as scratch:
        say("recovered")
        await _prepare(scratch, variables, say)
    finish(folder)


async def _prepare(scratch: ScratchServer, variables: Mapping[str, str], say: Say) -> None:
    """The administrator's password becomes the one of the variables; the outboxes refill the topics."""
    connection = await scratch.connect()
    try:
        if password := urlsplit(variables.get(DATABASE_URL, "")).password:
            quoted = await connection.fetchval("SELECT quote_literal($1::text)", unquote(password))
            # A statement with a password must not end up in the server's log.
            await connection.execute("SET log_statement = 'none'; SET log_min_error_statement = 'panic'")
            await connection.execute(f"ALTER ROLE CURRENT_USER PASSWORD {quoted}")
        for service in await migrations(connection):
            async with connection.transaction(), acting_as(connection, service):
                status = await connection.execute(PUBLISH_AGAIN)
            say(f"{service}: {status.split()[1]} events will be republished")
    finally:
        await connection.close()


def restore_files(repository: Repository, target: Target, store: ObjectStore) -> int:
    """Put back the files of the point in time that are not there. Returns their number."""
    manifest = target.manifest
    until = manifest.ended_at if target.immediate else target.at
    if until is not None:
        until += CLOCKS_DIFFER
    chosen = choose_files(manifest.objects, list(repository.list("objects")), manifest.started_at, until)
    there = {(item["path"], item["last_modified"]) for batch in obstore.list(store) for item in batch}
    missing = [file for file in chosen if (file.key, file.modified) not in there]
    for file in missing:
        put_back(repository, file, store)
        _keep_time(store, file)
    return len(missing)


def _keep_time(store: ObjectStore, file: StoredFile) -> None:
    """In a folder a file keeps its time, so that it is not copied into the repository again."""
    if isinstance(store, obstore.store.LocalStore) and store.prefix is not None:
        nanoseconds = int(file.modified.timestamp() * 1_000_000) * 1000
        os.utime(Path(store.prefix) / file.key, ns=(nanoseconds, nanoseconds))
