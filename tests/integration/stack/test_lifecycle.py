"""Starting and ending the real servers under the real supervisor process, in a folder of its own."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psutil
import pytest

from shared.events.registry import TOPICS
from tests.integration.stack.conftest import PATIENCE_S
from tests.servers import BOOTSTRAP_VARIABLE, DATABASE_VARIABLE, KAFKA_VARIABLE, ROOT
from tests.stack import Stack
from tests.support.ports import refusing_port, reserve_port
from tools.local import lifecycle
from tools.local.errors import StartupFailed
from tools.local.ports import HOST
from tools.local.processes import ProcessRef, is_alive, send, wait_gone
from tools.local.state import load_state

pytestmark = pytest.mark.skipif(
    any(os.environ.get(name) for name in (BOOTSTRAP_VARIABLE, DATABASE_VARIABLE, KAFKA_VARIABLE)),
    reason="about the servers that `dinsight up` starts itself",
)


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    with Stack(servers_only=True) as running:
        yield running


def everything(stack: Stack) -> list[ProcessRef]:
    state = stack.state()
    return [state.supervisor, *(ref for _, ref in state.living())]


async def topic_names(bootstrap: str) -> set[str]:
    from aiokafka.admin import AIOKafkaAdminClient

    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        return set(await admin.list_topics())
    finally:
        await admin.close()


async def test_servers_are_ready_provisioned_and_on_loopback_only(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.env["DINSIGHT_AUTH_DATABASE_URL"])
    assert await connection.fetchval("SELECT current_user") == "dinsight_auth"
    await connection.close()
    assert {topic.name for topic in TOPICS} <= await topic_names(stack.kafka_bootstrap)
    with pytest.raises(asyncpg.InvalidPasswordError):
        await asyncpg.connect(stack.admin_dsn.replace(":", ":not-", 2).replace("not-//", "//", 1))
    for outside in outside_addresses():
        for program in stack.state().programs:
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((outside, program.port), timeout=2).close()


def outside_addresses() -> list[str]:
    """This machine's addresses that others can reach."""
    found = [item for items in psutil.net_if_addrs().values() for item in items]
    return [
        item.address
        for item in found
        if item.family == socket.AF_INET and not item.address.startswith("127.")
    ]


async def test_a_killed_database_returns_with_its_data(stack: Stack) -> None:
    connection = await asyncpg.connect(stack.admin_dsn)
    await connection.execute("CREATE TABLE public.kept AS SELECT 42 AS answer")
    await connection.execute("CHECKPOINT")
    await connection.close()
    await asyncio.to_thread(stack.kill, "postgres")
    await asyncio.to_thread(stack.wait_ready)
    connection = await asyncpg.connect(stack.admin_dsn)
    assert await connection.fetchval("SELECT answer FROM public.kept") == 42
    await connection.close()


async def test_a_killed_broker_returns_on_its_port_with_its_topics(stack: Stack) -> None:
    bootstrap = stack.kafka_bootstrap
    await asyncio.to_thread(stack.kill, "broker")
    await asyncio.to_thread(stack.wait_ready)
    assert stack.kafka_bootstrap == bootstrap
    assert {topic.name for topic in TOPICS} <= await topic_names(bootstrap)


def test_secrets_are_for_their_owner_only_and_not_in_the_state(stack: Stack) -> None:
    layout = stack.layout
    for file in (layout.state_file, layout.secrets_file):
        assert file.stat().st_mode & 0o777 == 0o600
    assert layout.storage.stat().st_mode & 0o777 == 0o700
    text = layout.state_file.read_text(encoding="utf-8")
    secrets = json.loads(layout.secrets_file.read_text(encoding="utf-8"))
    private = [secrets["postgres_password"], secrets["password_pepper"], *secrets["encryption_keys"].values()]
    for secret in private:
        assert secret not in text


def test_the_stack_ends_with_a_killed_test_run() -> None:
    code = (
        "import os, signal, json\n"
        "from tests.stack import Stack\n"
        "stack = Stack(servers_only=True)\n"
        "stack.start()\n"
        "print(stack.layout.state_dir, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    folder = Path(ended.stdout.strip())
    state = load_state(folder / "state.json")
    assert state is not None
    assert wait_gone([state.supervisor, *(ref for _, ref in state.living())], PATIENCE_S) == []
    shutil.rmtree(folder)


async def test_external_servers_are_used_and_left_running() -> None:
    """On servers of its own: roles belong to the whole server, so provisioning changes their passwords."""
    with Stack(servers_only=True) as servers:
        named = {
            "DINSIGHT_DATABASE_URL": servers.admin_dsn.rpartition("/")[0] + "/plant",
            "DINSIGHT_KAFKA_BOOTSTRAP": servers.kafka_bootstrap,
        }
        before = everything(servers)
        with Stack(servers_only=True, settings=named) as other:
            assert other.state().programs == []
            connection = await asyncpg.connect(other.env["DINSIGHT_MACHINES_DATABASE_URL"])
            assert await connection.fetchval("SELECT current_database()") == "plant"
            await connection.close()
            assert not (other.layout.state_dir / "postgres").exists()
        assert everything(servers) == before


def test_down_ends_a_database_whose_supervisor_and_state_are_lost() -> None:
    """It is found by its data folder: two servers on one must never be."""
    with Stack(servers_only=True) as stack:
        postgres = stack.process("postgres")
        # The supervisor first: it would start the others again.
        killed = [ref for ref in everything(stack) if ref != postgres]
        for ref in killed:
            send(ref, signal.SIGKILL)
        assert wait_gone(killed, PATIENCE_S) == []
        stack.layout.state_file.unlink()
        assert lifecycle.shut_down(stack.layout, lifecycle.Silence())
        assert not is_alive(postgres)


def test_a_database_that_does_not_answer_is_named_with_its_variable() -> None:
    with refusing_port() as port:
        nowhere = f"postgresql://boss:hush@{HOST}:{port}/plant"
        stack = Stack(servers_only=True, settings={"DINSIGHT_DATABASE_URL": nowhere})
        with pytest.raises(
            StartupFailed, match=r"PostgreSQL at 127.0.0.1:\d+/plant \(DINSIGHT_DATABASE_URL\)"
        ) as caught:
            stack.start()
    assert "hush" not in str(caught.value)


def test_a_broker_that_does_not_answer_is_named_with_its_variable() -> None:
    with refusing_port() as port:
        nowhere = f"{HOST}:{port}"
        stack = Stack(servers_only=True, settings={"DINSIGHT_KAFKA_BOOTSTRAP": nowhere})
        with pytest.raises(StartupFailed, match=rf"The broker at {nowhere} \(DINSIGHT_KAFKA_BOOTSTRAP\)"):
            stack.start()


@pytest.fixture
def folder() -> Iterator[Path]:
    """Unlike pytest's own, one that the database's user can enter when the tests run as root."""
    made = Path(tempfile.mkdtemp(prefix="dinsight-test-"))
    made.chmod(0o755)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def test_two_concurrent_ups_start_one_platform(folder: Path) -> None:
    environ = {
        **{name: value for name, value in os.environ.items() if not name.startswith("DINSIGHT_")},
        "DINSIGHT_STATE_DIR": str(folder),
        "DINSIGHT_GATEWAY_PORT": str(reserve_port()),
    }
    command = [sys.executable, "-m", "tools.cli"]
    ups = [
        subprocess.Popen(
            [*command, "up", "--servers-only"], cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=240)[0] for process in ups]
    try:
        assert [process.returncode for process in ups] == [0, 0], said
        assert sum("is already running" in text for text in said) == 1
        state = load_state(folder / "state.json")
        assert state is not None
        assert {program.name for program, _ in state.living()} == {"postgres", "broker"}
    finally:
        down = subprocess.run([*command, "down"], cwd=ROOT, env=environ, check=False, capture_output=True)
    assert down.returncode == 0
    assert not any(map(is_alive, (ref for _, ref in state.living())))
