"""A supervisor over small stand-in programs."""

from __future__ import annotations

import asyncio
import os
import random
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.ports import reserve_port
from tools.local.backoff import Backoff
from tools.local.layout import Layout
from tools.local.probes import http_ready
from tools.local.processes import ProcessRef, identify
from tools.local.programs import Job, Kind, Plan, Program
from tools.local.state import RunState, load_state
from tools.local.supervisor import Supervisor

FAKE = Path(__file__).with_name("fake_program.py")
PATIENCE_S = 60.0


@dataclass
class Workshop:
    """Makes stand-in programs and runs supervisors over them in one temporary folder."""

    layout: Layout

    @property
    def journal(self) -> Path:
        return self.layout.state_dir / "journal.txt"

    def events(self, word: str) -> list[str]:
        lines = self.journal.read_text(encoding="utf-8").splitlines() if self.journal.exists() else []
        return [line for line in lines if line.startswith(word)]

    def program(self, name: str, *options: str, kind: Kind = Kind.SERVICE, forgets: bool = False) -> Program:
        port = reserve_port()
        return Program(
            name=name,
            title=name,
            kind=kind,
            argv=(sys.executable, "-S", "-E", str(FAKE), str(port), str(self.journal), *options),
            env=dict(os.environ),
            cwd=self.layout.state_dir,
            port=port,
            ready=http_ready(port),
            stop_grace_s=PATIENCE_S,
            ready_timeout_s=PATIENCE_S,
            forgets=forgets,
        )

    def job(self, name: str, code: str) -> Job:
        argv = (sys.executable, "-S", "-E", "-c", code)
        return Job(name=name, title=name, argv=argv, env=dict(os.environ), cwd=self.layout.state_dir)

    def note_job(self, name: str) -> Job:
        return self.job(name, f"open({str(self.journal)!r}, 'a').write('{name}\\n')")

    def supervisor(self, plan: Plan, while_alive: ProcessRef | None = None) -> Supervisor:
        me = identify(os.getpid())
        assert me is not None
        state = RunState(run_id="test", supervisor=me, started_at=time.time(), workers=1)
        quick = Backoff(first_s=0.05, longest_s=0.2)
        return Supervisor(
            plan, self.layout, state, backoff=quick, rng=random.Random(1), while_alive=while_alive
        )

    def state(self) -> RunState:
        state = load_state(self.layout.state_file)
        assert state is not None
        return state

    @asynccontextmanager
    async def running(self, plan: Plan) -> AsyncIterator[Supervisor]:
        """The plan, started and ready; ended afterwards."""
        supervisor = self.supervisor(plan)
        task = asyncio.create_task(supervisor.run())
        try:
            await self.until(lambda: self.layout.state_file.exists() and self.state().phase == "up", task)
            yield supervisor
        finally:
            supervisor.stop()
            await task

    async def until(self, condition: Callable[[], bool], task: asyncio.Task[int] | None = None) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert time.monotonic() < deadline, "waited in vain"
            if task is not None and task.done():
                raise AssertionError(f"the supervisor ended: {self.state()}")
            await asyncio.sleep(0.02)


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    layout = Layout(root=tmp_path, state_dir=tmp_path / "state")
    layout.create()
    return Workshop(layout)


def without_grace(program: Program) -> Program:
    return replace(program, stop_grace_s=0.3)
