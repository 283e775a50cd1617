"""The whole platform on free ports in a temporary folder, for end-to-end tests. Never touches a `make up`."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg

from dinsight.installation import SERVICES
from tests.servers import BOOTSTRAP_VARIABLE, DATABASE_VARIABLE, KAFKA_VARIABLE, ROOT
from tests.support.ports import reserve_port
from tools.local import lifecycle
from tools.local.chosen_ports import APACHE_PORTS, worker_name
from tools.local.kafka import ApacheKafka
from tools.local.layout import Layout
from tools.local.log_files import tail
from tools.local.plan import LocalEnvironment
from tools.local.postgres import remove_cluster
from tools.local.processes import ProcessRef, is_alive, send
from tools.local.state import Condition, Phase, RunState, load_state

T = TypeVar("T")

# For tests that call by the thousand, all from one address: the cheapest bcrypt there is, and no rate limits.
FOR_MANY_CALLS = {
    "DINSIGHT_AUTH_BCRYPT_COST": "4",
    "DINSIGHT_GATEWAY_ADDRESS_REQUESTS_PER_MINUTE": "1000000",
    "DINSIGHT_GATEWAY_CALLER_REQUESTS_PER_MINUTE": "1000000",
    "DINSIGHT_GATEWAY_SIGN_IN_REQUESTS_PER_MINUTE": "1000000",
}
_POLL_S = 0.05
# Waits end when what they wait for is there; how long a busy machine takes is no fault.
_PATIENCE_S = 120.0


@dataclass
class Running:
    """What there is while the stack runs."""

    folder: Path
    layout: Layout
    environment: LocalEnvironment


class Stack:
    """Everything `dinsight up` starts, supervised as there; ended with the test run, however that ends.

    Programs are named as `dinsight status` names them: postgres, broker, auth, machines, analysis, alerting,
    gateway, worker-1, worker-2, ...
    """

    def __init__(
        self,
        *,
        workers: int = 1,
        servers_only: bool = False,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._wanted = lifecycle.Wanted(
            workers=workers, with_services=not servers_only, durable=False, while_pid=os.getpid()
        )
        self._settings = dict(settings or {})
        self._running: Running | None = None
        self._external_database: str | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until it is ready."""
        folder = Path(tempfile.mkdtemp(prefix="dinsight-stack-"))
        folder.chmod(0o755)
        layout = Layout(root=ROOT, state_dir=folder)
        layout.ports_file.write_text(json.dumps(self._ports()), encoding="utf-8")
        try:
            progress = lifecycle.Silence()
            environment = lifecycle.prepare(layout, self._environ(), self._wanted, progress)
            self._running = Running(folder, layout, environment)
            lifecycle.launch(environment, self._wanted, progress)
        except BaseException:
            self.stop()
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def stop(self) -> None:
        """End everything, in the orderly way."""
        if self._running is None:
            return
        lifecycle.shut_down(self._running.layout, lifecycle.Silence())
        remove_cluster(self._running.layout.postgres)
        shutil.rmtree(self._running.folder, ignore_errors=True)
        self._running = None
        if self._external_database is not None:
            asyncio.run(_drop(self._external_database))

    @property
    def env(self) -> dict[str, str]:
        """Every DINSIGHT_ variable of this stack: addresses, logins (the administrator's too) and keys."""
        return self._live().environment.variables()

    @property
    def layout(self) -> Layout:
        """Where its state, logs and data lie."""
        return self._live().layout

    @property
    def gateway_url(self) -> str:
        return self._live().environment.gateway_url

    @property
    def admin_dsn(self) -> str:
        return self._live().environment.admin_dsn

    @property
    def kafka_bootstrap(self) -> str:
        return self._live().environment.kafka_bootstrap

    def apache_kafka(self) -> ApacheKafka:
        """The broker, where it is Apache Kafka."""
        kafka = self._live().environment.apache_kafka()
        assert kafka is not None
        return kafka

    def state(self) -> RunState:
        state = load_state(self._live().layout.state_file)
        assert state is not None, "the stack is not running"
        return state

    def process(self, name: str) -> ProcessRef:
        """The process a program runs as, once it does: one that has ended may not have been started again."""
        return _until(lambda: self._running_process(name), f"{name} to run")

    def log(self, name: str, lines: int = 50) -> list[str]:
        return tail(self._live().layout.log_file(name), lines)

    def kill(self, name: str) -> None:
        """kill -9 a program once it runs; returns when the supervisor has noticed.

        `wait_ready` waits for its return.
        """
        killed = _until(lambda: self._killed(name), f"{name} to run")
        _until(
            lambda: self.state().program(name).process != killed,
            f"the supervisor to notice that {name} was killed",
        )

    def wait_ready(self) -> None:
        """Wait until every program is ready again."""
        _until(lambda: _is_ready(self.state()), "every program to be ready", lambda: _told(self.state()))

    def _running_process(self, name: str) -> ProcessRef | None:
        ref = self.state().program(name).process
        return ref if ref is not None and is_alive(ref) else None

    def _killed(self, name: str) -> ProcessRef | None:
        ref = self.state().program(name).process
        return ref if ref is not None and send(ref, signal.SIGKILL) else None

    def _ports(self) -> dict[str, int]:
        """What would be the ports of an earlier start: none that another test run could take meanwhile."""
        workers = (worker_name(number) for number in range(1, self._wanted.workers + 1))
        names = (*SERVICES, *workers, "web", "backup", "postgres", "kafka", *APACHE_PORTS)
        return {name: reserve_port() for name in names}

    def _live(self) -> Running:
        assert self._running is not None, "the stack is not running"
        return self._running

    def _environ(self) -> dict[str, str]:
        # Variables of the developer's own installation must not reach the tests' one.
        environ = {name: value for name, value in os.environ.items() if not name.startswith("DINSIGHT_")}
        environ["DINSIGHT_GATEWAY_PORT"] = str(reserve_port())
        if os.environ.get(KAFKA_VARIABLE):
            environ["DINSIGHT_LOCAL_BROKER"] = os.environ[KAFKA_VARIABLE]
        if bootstrap := os.environ.get(BOOTSTRAP_VARIABLE):
            environ["DINSIGHT_KAFKA_BOOTSTRAP"] = bootstrap
        if server := os.environ.get(DATABASE_VARIABLE):
            parts = urlsplit(server)._replace(path=f"/dinsight_stack_{uuid4().hex[:12]}")
            self._external_database = environ["DINSIGHT_DATABASE_URL"] = urlunsplit(parts)
        # Taking a backup is a test of its own.
        environ["DINSIGHT_BACKUP_URL"] = "none"
        return {**environ, **self._settings}


def _until(probe: Callable[[], T | None], what: str, told: Callable[[], str] = str) -> T:
    """Repeat `probe` until it gives something true; says what was waited for when it never does."""
    deadline = time.monotonic() + _PATIENCE_S
    while not (found := probe()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {_PATIENCE_S:.0f} s for {what}. {told()}")
        time.sleep(_POLL_S)
    return found


def _is_ready(state: RunState) -> bool:
    programs_ready = all(program.condition is Condition.READY for program in state.programs)
    return state.phase is Phase.UP and programs_ready and not state.doing


def _told(state: RunState) -> str:
    programs = ", ".join(f"{program.name} {program.condition}" for program in state.programs)
    return f"{programs}; {state.doing} {state.error}"


async def _drop(dsn: str) -> None:
    parts = urlsplit(dsn)
    connection = await asyncpg.connect(os.environ[DATABASE_VARIABLE])
    try:
        await connection.execute(f"DROP DATABASE IF EXISTS {parts.path.lstrip('/')} WITH (FORCE)")
    finally:
        await connection.close()
