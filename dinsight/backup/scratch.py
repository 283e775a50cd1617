"""Runs a server on a data folder for a while: only this command can reach it, through a socket of its own."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from dinsight.backup.errors import BackupError
from dinsight.backup.manifest import Server
from dinsight.servers.account import Account
from dinsight.servers.postgres import PostgresBinaries, clean_env
from shared.postgres.connection import Connection

POLL_SECONDS = 0.1
LOG_LINES = 12
PORT = 5432


class ServerEnded(BackupError):
    """The server ended by itself; `log` says why."""

    def __init__(self, log: str) -> None:
        super().__init__("PostgreSQL ended: " + "\n".join(log.splitlines()[-LOG_LINES:]))
        self.log = log


@dataclass(frozen=True)
class ScratchServer:
    """A started server. Its socket lies in `folder`."""

    folder: Path
    server: Server
    binaries: PostgresBinaries

    def environment(self) -> Mapping[str, str]:
        """For PostgreSQL's own programs."""
        ours = {"PGHOST": str(self.folder), "PGPORT": str(PORT), "PGUSER": self.server.user}
        return {**clean_env(), **ours, "PGDATABASE": self.server.database}

    async def connect(self) -> Connection:
        return await asyncpg.connect(
            host=str(self.folder), port=PORT, user=self.server.user, database=self.server.database
        )


@asynccontextmanager
async def running(
    data: Path,
    server: Server,
    binaries: PostgresBinaries,
    account: Account | None,
    options: Mapping[str, str],
) -> AsyncIterator[ScratchServer]:
    """Start a server and wait until it accepts connections, however long recovery takes.

    Raises ServerEnded when it gives up. It is shut down in the orderly way.
    """
    # A socket's path may have 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="dinsight-pg-"))
    try:
        (folder / "hba").write_text("local all all trust\n", encoding="ascii")
        (folder / "conf").write_text("", encoding="ascii")
        if account is not None:
            for path in (folder, folder / "hba", folder / "conf"):
                os.chown(path, account.uid, account.gid)
        settings = {
            "config_file": str(folder / "conf"),
            "hba_file": str(folder / "hba"),
            "ident_file": str(folder / "hba"),
            "listen_addresses": "",
            "port": str(PORT),
            "unix_socket_directories": str(folder),
            "shared_preload_libraries": server.libraries,
            # Its limits need not be those of the server that was backed up.
            "hot_standby": "off",
            "log_timezone": "UTC",
            "timezone": "UTC",
            **({"timescaledb.telemetry_level": "off"} if "timescaledb" in server.libraries else {}),
            **options,
        }
        argv = [binaries.program("postgres"), "-D", str(data)]
        for name, value in settings.items():
            argv += ["-c", f"{name}={value}"]
        process = _start(argv, folder, account)
        try:
            scratch = ScratchServer(folder, server, binaries)
            await _accepting(scratch, process)
            yield scratch
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)
            await asyncio.to_thread(process.wait)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _start(argv: Sequence[str], folder: Path, account: Account | None) -> subprocess.Popen[bytes]:
    """In this program's session: whoever ends that ends the server too."""
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(  # noqa: S603 - a list of arguments, no shell
            argv,
            cwd=folder,
            env=clean_env(),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            user=None if account is None else account.uid,
            group=None if account is None else account.gid,
            extra_groups=None if account is None else [],
        )


async def _accepting(scratch: ScratchServer, process: subprocess.Popen[bytes]) -> None:
    while True:
        try:
            connection = await scratch.connect()
        except (OSError, asyncpg.PostgresError):
            if process.poll() is not None:
                log = (scratch.folder / "log").read_text(encoding="utf-8", errors="replace")
                raise ServerEnded(log) from None
            await asyncio.sleep(POLL_SECONDS)
        else:
            await connection.close()
            return
