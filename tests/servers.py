"""PostgreSQL and a broker for a test run: named ones, else Docker's, else local processes.

DINSIGHT_TEST_DATABASE_URL and DINSIGHT_TEST_KAFKA_BOOTSTRAP name servers to use; DINSIGHT_TEST_KAFKA=apache
asks for Apache Kafka as a local process (fetched by Maven) instead of the small local broker.
"""

from __future__ import annotations

import asyncio
import gc
import os
import shutil
import signal
import subprocess
import tempfile
import time
import warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol

from dinsight.servers.account import server_account
from dinsight.servers.postgres import choose_binaries, find_binaries
from tests.leash import Leash
from tests.support.ports import reserve_port
from tools.local.broker import tansu
from tools.local.kafka import ApacheKafka, libraries_of
from tools.local.log_files import open_log, tail
from tools.local.ports import HOST
from tools.local.postgres import LocalPostgres, remove_cluster
from tools.local.processes import ProcessRef, identify, send, session_members
from tools.local.programs import Program

DATABASE_VARIABLE = "DINSIGHT_TEST_DATABASE_URL"
BOOTSTRAP_VARIABLE = "DINSIGHT_TEST_KAFKA_BOOTSTRAP"
KAFKA_VARIABLE = "DINSIGHT_TEST_KAFKA"

DOCKER_SOCKET = Path("/var/run/docker.sock")
ROOT = Path(__file__).resolve().parents[1]
POSTGRES_IMAGE = "timescale/timescaledb:2.29.2-pg16"
KAFKA_IMAGE = "confluentinc/cp-kafka:7.9.0"


class Broker(Protocol):
    """The broker of this test run. Killed and started again, it keeps its address."""

    @property
    def bootstrap(self) -> str: ...

    @property
    def forgets(self) -> bool:
        """Whether topics, records and offsets are gone after `kill` and `start`."""

    def kill(self) -> None:
        """kill -9, at once."""

    def start(self) -> None:
        """Start it again and wait until it answers. Topics are made anew by the caller where it forgets."""


class RunningProgram:
    """A local server run for the tests, without the supervisor that would restart it behind their back."""

    def __init__(self, program: Program, folder: Path, leash: Leash) -> None:
        self.program = program
        self._log = folder / f"{program.name}.log"
        self._leash = leash
        self._process: subprocess.Popen[bytes] | None = None
        self._ref: ProcessRef | None = None

    @property
    def ref(self) -> ProcessRef | None:
        return self._ref if self._process is not None else None

    @property
    def bootstrap(self) -> str:
        return f"{HOST}:{self.program.port}"

    @property
    def forgets(self) -> bool:
        return self.program.forgets

    def start(self) -> None:
        account = self.program.account
        log = open_log(self._log)
        try:
            self._process = subprocess.Popen(
                self.program.argv,
                env=dict(self.program.env),
                cwd=self.program.cwd,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
            )
        finally:
            os.close(log)
        self._ref = identify(self._process.pid)
        if self._ref is not None:
            self._leash.hold(self._ref)
        # In a thread of its own: tests call this with an event loop running in theirs.
        with ThreadPoolExecutor(1) as thread:
            ready = thread.submit(asyncio.run, self._becomes_ready(self._process)).result()
        if not ready:
            said = "\n".join(tail(self._log, 15))
            raise RuntimeError(f"{self.program.title} did not start for the tests:\n{said}")

    async def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + self.program.ready_timeout_s
        while process.poll() is None and time.monotonic() < deadline:
            if await self.program.ready():
                return True
            await asyncio.sleep(0.05)
        return False

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        self._end(self.program.stop_signal)

    def _end(self, sig: signal.Signals) -> None:
        if self._process is None or self._ref is None:
            return
        send(self._ref, sig)
        try:
            self._process.wait(self.program.stop_grace_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        for member in session_members(self._ref):
            send(member, signal.SIGKILL)
        self._process = None


class ContainerBroker:
    """Apache Kafka in a container, on a fixed port so that a restart keeps the address."""

    forgets = False

    def __init__(self, container: Any) -> None:
        self._container = container
        self.bootstrap: str = container.get_bootstrap_server()

    def kill(self) -> None:
        self._container.get_wrapped_container().kill("SIGKILL")

    def start(self) -> None:
        self._container.get_wrapped_container().start()


def docker_answers() -> bool:
    """Whether an engine is there to start containers; the client library is only asked when one may be."""
    if "DOCKER_HOST" not in os.environ and not DOCKER_SOCKET.exists():
        return False
    import docker  # type: ignore[import-untyped]
    from docker.errors import DockerException  # type: ignore[import-untyped]

    with warnings.catch_warnings():
        # A client that finds nobody leaves its socket to the garbage collector.
        warnings.simplefilter("ignore", ResourceWarning)
        try:
            client = docker.from_env()
            answers = bool(client.ping())
            client.close()
        except DockerException:
            answers = False
        gc.collect()
    return answers


class TestServers:
    """Starts a server the first time it is asked for; `close` ends all of them."""

    __test__ = False

    def __init__(self) -> None:
        self._ends = ExitStack()
        self._leash: Leash | None = None
        self._folder: Path | None = None
        self._docker: bool | None = None

    def close(self) -> None:
        self._ends.close()

    def postgres_dsn(self) -> str:
        """The administrator's address of a server on which tests create databases of their own."""
        if named := os.environ.get(DATABASE_VARIABLE):
            return named
        if self._has_docker():
            from testcontainers.community.postgres import PostgresContainer

            # As on every server of the platform: tests have partitions for hundreds of months.
            container = PostgresContainer(POSTGRES_IMAGE, driver=None).with_command(
                "postgres -c max_connections=200 -c max_locks_per_transaction=512"
            )
            return str(self._ends.enter_context(container).get_connection_url())
        return self._local_postgres()

    def broker(self) -> Broker:
        asked = os.environ.get(KAFKA_VARIABLE, "")
        if asked not in ("", "apache"):
            raise RuntimeError(
                f"{KAFKA_VARIABLE}={asked!r}: the only kind that can be asked for is `apache`."
            )
        if not asked and self._has_docker():
            return self._container_broker()
        whole, leash = self._place()
        # Tests may ask for several brokers; each has its own data and log.
        folder = Path(tempfile.mkdtemp(prefix="broker-", dir=whole))
        if asked:
            kafka = ApacheKafka(
                folder=folder / "kafka",
                libraries=libraries_of(ROOT),
                port=reserve_port(),
                controller_port=reserve_port(),
                secured_port=reserve_port(),
                administrator_password="for-tests-only",
            )
            kafka.create()
            program = kafka.server(os.environ)
        else:
            program = tansu(reserve_port(), folder, os.environ)
        running = RunningProgram(program, folder, leash)
        self._ends.callback(running.stop)
        running.start()
        return running

    def postgres_log(self) -> Path:
        """The log of a server that was started here as a local process."""
        folder, _ = self._place()
        return folder / "postgres.log"

    def _local_postgres(self) -> str:
        folder, leash = self._place()
        data = folder / "postgres"
        binaries = choose_binaries(data, find_binaries(os.environ.get("PATH", os.defpath)))
        postgres = LocalPostgres(
            data, reserve_port(), "for-tests-only", binaries, server_account(), durable=False
        )
        self._ends.callback(remove_cluster, data)
        postgres.create()
        running = RunningProgram(postgres.server(), folder, leash)
        self._ends.callback(running.stop)
        running.start()
        return postgres.dsn("postgres")

    def _container_broker(self) -> Broker:
        from testcontainers.community.kafka import KafkaContainer

        port = reserve_port()
        container = KafkaContainer(KAFKA_IMAGE).with_kraft().with_bind_ports(9093, port)
        # The tests' session timeout of 3 s is below the broker's own lower bound.
        container = container.with_env("KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS", "1000")
        return ContainerBroker(self._ends.enter_context(container))

    def _has_docker(self) -> bool:
        if self._docker is None:
            self._docker = docker_answers()
        return self._docker

    def _place(self) -> tuple[Path, Leash]:
        """The temporary folder of this run's servers, and what ends them should the run be killed."""
        if self._folder is None or self._leash is None:
            self._leash = Leash()
            self._ends.callback(self._leash.close)
            self._folder = Path(tempfile.mkdtemp(prefix="dinsight-test-"))
            # PostgreSQL runs as another user when the tests run as root.
            self._folder.chmod(0o755)
            self._leash.remove_in_the_end(self._folder)
            self._ends.callback(shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder, self._leash
