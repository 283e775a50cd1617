"""A machine that runs the platform and may be lost at any moment; operators' commands restore it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from dinsight.backup.archive import read_position
from dinsight.backup.context import BackupContext
from dinsight.backup.errors import BackupError
from dinsight.backup.manifest import Backup, read_backups
from dinsight.installation import SERVICES, Installation
from tests.leash import Leash
from tests.servers import ROOT, RunningProgram
from tests.stack import FOR_MANY_CALLS
from tests.support.ports import reserve_port
from tools.local import lifecycle
from tools.local.connect import stopped_environment
from tools.local.layout import HOME_VARIABLE, STATE_DIR_VARIABLE, Layout
from tools.local.plan import LocalEnvironment
from tools.local.postgres import remove_cluster
from tools.local.processes import ProcessRef, send, session_members, wait_gone
from tools.local.programs import Program
from tools.local.state import load_state

PATIENCE_S = 30.0


class CommandFailed(Exception):
    """A command of `dinsight` has ended with an error."""


class Machine:
    """Everything of it lies in `folder`, which is not there yet; the repository lies elsewhere.

    Without `services`, only the servers and the program `backup` run.
    """

    def __init__(self, folder: Path, repository: Path, leash: Leash, *, services: bool) -> None:
        folder.mkdir()
        folder.chmod(0o755)
        self.layout = Layout(root=ROOT, state_dir=folder)
        self._leash = leash
        self.services = services
        self._backup: RunningProgram | None = None
        names = (*SERVICES, "worker-1", "gateway", "backup", "postgres", "kafka", "kafka-controller")
        ports = {name: reserve_port() for name in names}
        self.layout.ports_file.write_text(json.dumps(ports), encoding="utf-8")
        # Variables of the developer's own installation must not reach this one.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("DINSIGHT_")}
        self.environ: Mapping[str, str] = {
            **environ,
            **FOR_MANY_CALLS,
            HOME_VARIABLE: str(ROOT),
            STATE_DIR_VARIABLE: str(folder),
            "DINSIGHT_BACKUP_URL": repository.as_uri(),
            "DINSIGHT_GATEWAY_PORT": str(ports["gateway"]),
        }

    @property
    def environment(self) -> LocalEnvironment:
        return stopped_environment(self.layout, self.environ)

    @property
    def env(self) -> Mapping[str, str]:
        """The variables of its services, and the administrator's address."""
        return self.environment.variables()

    def up(self) -> None:
        wanted = lifecycle.Wanted(with_services=self.services, while_pid=os.getpid())
        lifecycle.bring_up(self.layout, self.environ, wanted, lifecycle.Silence())
        if not self.services:
            self._provision()
            self._backup = RunningProgram(self._program("backup"), self.layout.state_dir, self._leash)
            self._backup.start()

    def stop_backup(self) -> None:
        if self._backup is not None:
            self._backup.stop()
            self._backup = None

    def down(self) -> None:
        self.stop_backup()
        lifecycle.shut_down(self.layout, lifecycle.Silence())

    def run(self, *command: str) -> str:
        """A command of `dinsight`, as an operator gives it; returns what it printed."""
        ended = subprocess.run(
            [sys.executable, "-m", "tools.cli", *command],
            cwd=ROOT,
            env=dict(self.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if ended.returncode != 0:
            raise CommandFailed(f"dinsight {' '.join(command)}: {ended.stdout}{ended.stderr}")
        return ended.stdout

    def fails(self, *command: str) -> str:
        """A command that must fail; returns its error."""
        try:
            said = self.run(*command)
        except CommandFailed as error:
            return str(error)
        raise AssertionError(f"dinsight {' '.join(command)} did not fail: {said}")

    def die(self) -> None:
        """kill -9 for everything at once: the machine has no power any more."""
        state = load_state(self.layout.state_file)
        assert state is not None
        leaders = [state.supervisor, *(ref for _, ref in state.living())]
        if self._backup is not None and (ref := self._backup.ref) is not None:
            leaders.append(ref)
        all_of_them: list[ProcessRef] = [
            member for leader in leaders for member in (leader, *session_members(leader))
        ]
        for ref in all_of_them:
            send(ref, signal.SIGKILL)
        if self._backup is not None:
            self._backup.kill()
            self._backup = None
        assert wait_gone(all_of_them, PATIENCE_S) == []

    def vanish(self) -> None:
        """Its disk is gone: data, secrets, logs, and WAL that was not shipped."""
        remove_cluster(self.layout.postgres)
        shutil.rmtree(self.layout.state_dir)

    def backups(self) -> list[Backup]:
        try:
            return read_backups(BackupContext.of(Installation(self.env)).chosen(None))
        except BackupError:
            return []  # Nothing is in the repository yet.

    def complete_at(self) -> float:
        """The time up to which the repository has everything, as seconds since 1970."""
        position = read_position(BackupContext.of(Installation(self.env)).chosen(None))
        return 0.0 if position is None else position.at.timestamp()

    def _provision(self) -> None:
        self.run("provision", "topics")

    def _program(self, name: str) -> Program:
        plan = replace(self.environment, with_services=True).plan()
        return next(program for program in plan.services if program.name == name)
