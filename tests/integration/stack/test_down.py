"""`down` ends what was started and nothing else, whatever has become of the supervisor."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration.stack.conftest import PATIENCE_S
from tests.servers import ROOT
from tools.local import lifecycle
from tools.local.layout import Layout
from tools.local.processes import RUN_VARIABLE, ProcessRef, identify, is_alive, send, wait_gone
from tools.local.state import Phase, RunState, load_state, save_state


@dataclass
class Run:
    """A supervisor process with three stand-in programs, one of which has a helper."""

    layout: Layout
    process: subprocess.Popen[bytes]

    def state(self) -> RunState:
        state = load_state(self.layout.state_file)
        assert state is not None
        return state

    def everything(self) -> list[ProcessRef]:
        state = self.state()
        return [state.supervisor, *(ref for _, ref in state.living()), self.helper()]

    def helper(self) -> ProcessRef:
        lines = (self.layout.state_dir / "journal.txt").read_text(encoding="utf-8").splitlines()
        ref = identify(int(next(line.split()[1] for line in lines if line.startswith("helper"))))
        assert ref is not None
        return ref

    def kill_supervisor(self) -> None:
        self.process.kill()
        self.process.wait()

    def down(self, grace_s: float = lifecycle.SUPERVISOR_GRACE_S) -> bool:
        return lifecycle.shut_down(self.layout, lifecycle.Silence(), grace_s)


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    layout = Layout(root=tmp_path, state_dir=tmp_path)
    layout.create()
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.integration.stack.fake_daemon", str(tmp_path)],
        cwd=ROOT,
        env={**os.environ, RUN_VARIABLE: "test"},
    )
    running = Run(layout, process)
    deadline = time.monotonic() + PATIENCE_S
    while (state := load_state(layout.state_file)) is None or state.phase is not Phase.UP:
        assert process.poll() is None, "the supervisor ended"
        assert time.monotonic() < deadline, "the supervisor did not get up"
        time.sleep(0.02)
    started = running.everything()
    yield running
    process.kill()
    process.wait()
    for ref in started:
        send(ref, signal.SIGKILL)


def test_everything_ends_and_twice_is_fine(run: Run) -> None:
    running = run.everything()
    assert len(running) == 5
    assert run.down()
    assert not any(map(is_alive, running))
    assert not run.layout.state_file.exists()
    assert not run.down()


def test_after_the_supervisor_was_killed(run: Run) -> None:
    running = run.everything()
    run.kill_supervisor()
    assert all(map(is_alive, running[1:]))
    assert run.down()
    assert not any(map(is_alive, running))


def test_a_supervisor_that_does_not_answer_is_killed(run: Run) -> None:
    running = run.everything()
    send(running[0], signal.SIGSTOP)
    assert run.down(grace_s=0.5)
    run.process.wait()
    assert not any(map(is_alive, running))


def test_a_process_with_a_reused_id_is_not_signalled(run: Run) -> None:
    bystander = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    try:
        run.kill_supervisor()
        state = run.state()
        two = state.program("two")
        assert two.process is not None
        send(two.process, signal.SIGKILL)
        # The number is another process's now; the start time is still the old one's.
        two.process = ProcessRef(bystander.pid, two.process.started)
        save_state(run.layout.state_file, state)
        assert run.down()
        assert bystander.poll() is None
    finally:
        bystander.kill()
        bystander.wait()


def test_an_unrecorded_program_is_found_by_its_mark(run: Run) -> None:
    run.kill_supervisor()
    written = json.loads(run.layout.state_file.read_text(encoding="utf-8"))
    running = run.everything()
    written["programs"] = []
    run.layout.state_file.write_text(json.dumps(written), encoding="utf-8")
    assert run.down()
    assert wait_gone(running, PATIENCE_S) == []
