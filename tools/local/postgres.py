"""A private PostgreSQL cluster: its binaries, its creation, and the foreground server that is supervised."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

from dinsight.servers.account import Account
from dinsight.servers.external import run_tool, said_by
from dinsight.servers.postgres import PostgresBinaries, clean_env
from tools.local.errors import LocalError
from tools.local.ports import HOST
from tools.local.probes import command_ready
from tools.local.processes import ProcessRef, identify
from tools.local.programs import Kind, Program

SUPERUSER = "dinsight_admin"
DATABASE = "dinsight"
# Loaded at start where the installation has them; both only work when preloaded.
_WELCOME_LIBRARIES = ("timescaledb", "pg_stat_statements")
# Where a cluster of root's goes when its user cannot enter the checkout (for example below /root).
_ELSEWHERE = Path("/var/lib/dinsight")


@dataclass(frozen=True)
class LocalPostgres:
    """The cluster of one environment. Without `durable`, faster for tests, a power cut may destroy it."""

    data: Path
    port: int
    password: str
    binaries: PostgresBinaries
    account: Account | None
    durable: bool = True

    @property
    def admin_dsn(self) -> str:
        return self.dsn(DATABASE)

    def dsn(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{self.password}@{HOST}:{self.port}/{database}"

    def place(self) -> str:
        """Describe where the data is, with the reason if that is not the expected folder."""
        home = self.data.resolve()
        if home == self.data or self.account is None:
            return str(self.data)
        return f"{home}, linked from {self.data}: the user {self.account.name} cannot enter that folder"

    def create(self) -> bool:
        """Create the cluster if it does not exist. Returns True if it was created now."""
        if self._made():
            return False
        self.fill(self._initialize)
        return True

    def fill(self, make: Callable[[Path], None]) -> None:
        """Make the cluster by filling an empty folder of the database's user; whole or not at all."""
        home = self._home()
        # A cluster whose making was interrupted has no PG_VERSION, or a scratch name: start over.
        scratch = home.with_name(f"{home.name}.new")
        shutil.rmtree(scratch, ignore_errors=True)
        scratch.mkdir(mode=0o700, parents=True)
        if self.account is not None:
            os.chown(scratch, self.account.uid, self.account.gid)
        make(scratch)
        scratch.rename(home)
        if home != self.data:
            self.data.symlink_to(home, target_is_directory=True)

    def _initialize(self, folder: Path) -> None:
        with tempfile.NamedTemporaryFile("w", prefix="dinsight-", delete=True) as password_file:
            password_file.write(self.password)
            password_file.flush()
            if self.account is not None:
                os.chown(password_file.name, self.account.uid, self.account.gid)
            self._initdb(folder, password_file.name)

    def _made(self) -> bool:
        version_file = self.data / "PG_VERSION"
        try:
            major = int(version_file.read_text(encoding="ascii").partition(".")[0])
        except FileNotFoundError:
            return False
        except PermissionError as error:
            raise LocalError(
                f"The database in {self.data} belongs to another user. Run as the user who made it."
            ) from error
        if major != self.binaries.major:
            raise LocalError(
                f"The database in {self.data} was made by PostgreSQL {major}, and only "
                f"{self.binaries.major} is installed. Install the package postgresql-{major}, or move "
                f"the folder away to start with an empty database."
            )
        return True

    def _home(self) -> Path:
        """Return the folder for the data: `data` itself if its user can reach it."""
        if self.data.is_symlink():
            target = self.data.readlink()
            self.data.unlink()  # Points at data that is gone, else the cluster would have been found.
            if target.parent.is_dir():
                return target
        self.data.parent.mkdir(parents=True, exist_ok=True)
        if self.account is None or _can_enter(self.account, self.data.parent):
            return self.data
        mark = hashlib.sha256(str(self.data).encode()).hexdigest()[:12]
        elsewhere = _ELSEWHERE / mark
        elsewhere.mkdir(mode=0o755, parents=True, exist_ok=True)
        return elsewhere / "postgres"

    def _initdb(self, folder: Path, password_file: str) -> None:
        command = [
            self.binaries.program("initdb"),
            f"--pgdata={folder}",
            f"--username={SUPERUSER}",
            f"--pwfile={password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale=C.UTF-8",
            # A backup checks them: what a disk has spoiled is told before the last good backup expires.
            "--data-checksums",
            *([] if self.durable else ["--no-sync"]),
        ]
        made = run_tool(command, account=self.account, cwd=folder, env=clean_env())
        if made.returncode != 0:
            shutil.rmtree(folder, ignore_errors=True)
            raise LocalError(f"PostgreSQL could not make its data folder {folder}:\n{said_by(made)}")

    def server(self) -> Program:
        libraries = [name for name in _WELCOME_LIBRARIES if self.binaries.has_library(name)]
        options = {
            "listen_addresses": HOST,
            "port": str(self.port),
            # Loopback with passwords only: a socket's path must stay under 108 bytes, a checkout's may not.
            "unix_socket_directories": "",
            "shared_preload_libraries": ",".join(libraries),
            "max_connections": "200",
            # A query without a time locks every month's partition and its indexes.
            "max_locks_per_transaction": "512",
            # What backups stream. A receiver that stays away must not let WAL fill the disk.
            "wal_level": "replica",
            "max_slot_wal_keep_size": "4GB",
            "log_timezone": "UTC",
            "timezone": "UTC",
        }
        if "timescaledb" in libraries:
            options["timescaledb.telemetry_level"] = "off"
        if not self.durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        argv = [self.binaries.program("postgres"), "-D", str(self.data.resolve())]
        for name, value in options.items():
            argv += ["-c", f"{name}={value}"]
        env = clean_env()
        asks = (self.binaries.program("pg_isready"), "-q", "-h", HOST, "-p", str(self.port), "-d", DATABASE)
        return Program(
            name="postgres",
            title=f"PostgreSQL {self.binaries.major}",
            kind=Kind.SERVER,
            argv=tuple(argv),
            env=env,
            cwd=self.data.resolve(),
            port=self.port,
            ready=command_ready(asks, env),
            account=self.account,
            # SIGINT is PostgreSQL's fast shutdown; SIGTERM would wait for every client to leave.
            stop_signal=signal.SIGINT,
            stop_grace_s=30.0,
            ready_timeout_s=60.0,
        )


def remove_cluster(data: Path) -> None:
    """Delete a cluster, wherever its data is. Its server must have exited."""
    home = data.resolve()
    shutil.rmtree(home, ignore_errors=True)
    if data.is_symlink():
        data.unlink()
        home.parent.rmdir()


def stray_server(data: Path) -> ProcessRef | None:
    """Return a server that still runs on this data, recognized by its working folder."""
    try:
        pid = int((data / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
        if Path(psutil.Process(pid).cwd()) != data.resolve():
            return None
    except (FileNotFoundError, PermissionError, ValueError, psutil.Error):
        return None
    return identify(pid)


def _can_enter(account: Account, folder: Path) -> bool:
    """Return whether the user can enter a folder; the kernel decides, so groups and access lists count."""
    return run_tool(["test", "-x", str(folder)], account=account, cwd=Path("/")).returncode == 0
