"""One supervised program: started, probed, restarted when it exits, and stopped."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from tools.local.backoff import Backoff
from tools.local.log_files import open_log
from tools.local.processes import ProcessRef, identify, send, session_members
from tools.local.programs import Program
from tools.local.state import Condition, ProgramState

_STARTING_POLL_S = 0.1
_READY_POLL_S = 3.0


class Child:
    """Keeps one program running. `changed` is called whenever its recorded state changes."""

    def __init__(
        self,
        program: Program,
        log: Path,
        *,
        changed: Callable[[], None],
        ended: Callable[[Child], None],
        backoff: Backoff,
        rng: random.Random,
    ) -> None:
        self.program = program
        self.ready = asyncio.Event()
        self.state = ProgramState(
            name=program.name,
            title=program.title,
            kind=program.kind,
            port=program.port,
            log=str(log),
            stop_signal=program.stop_signal,
        )
        self.failures = 0
        self._log = log
        self._changed = changed
        self._ended = ended
        self._backoff = backoff
        self._rng = rng
        self._keeper: asyncio.Task[None] | None = None
        self._stopping = asyncio.Event()
        self._may_start = asyncio.Event()
        self._may_start.set()
        self._began = 0.0

    def start(self) -> None:
        """Start the program and keep it running. Has no effect if it is supervised already."""
        if self._keeper is None:
            self._stopping.clear()
            self._keeper = asyncio.create_task(self._keep(), name=f"keep {self.program.name}")

    def hold(self) -> None:
        """Do not restart the program until `release` is called."""
        self._may_start.clear()

    def release(self) -> None:
        self._may_start.set()

    async def stop(self, grace_s: float | None = None) -> None:
        """Stop the program with SIGTERM, and with SIGKILL after the grace period. It may be started again."""
        keeper = self._keeper
        if keeper is None:
            return
        self._stopping.set()
        self.release()
        if self.state.process is not None:
            send(self.state.process, self.program.stop_signal)
        grace = self.program.stop_grace_s if grace_s is None else grace_s
        done, _ = await asyncio.wait({keeper}, timeout=grace)
        if not done:
            self._kill_session()
        await keeper
        self._keeper = None
        self._note(Condition.STOPPED)

    def _kill_session(self) -> None:
        if self.state.process is None:
            return
        for ref in (self.state.process, *session_members(self.state.process)):
            send(ref, signal.SIGKILL)

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            process = await self._spawn()
            # Asked to stop while it was being spawned: the request found no process then.
            if self._stopping.is_set() and self.state.process is not None:
                send(self.state.process, self.program.stop_signal)
            prober = asyncio.create_task(self._probe())
            try:
                code = await process.wait()
            finally:
                prober.cancel()
            self.ready.clear()
            # A killed program may leave helpers behind that hold its port or its work.
            self._kill_session()
            self.state.process = None
            if self._stopping.is_set():
                return
            await self._wait_to_restart(code)

    async def _wait_to_restart(self, code: int) -> None:
        healthy = time.monotonic() - self._began > self._backoff.healthy_after_s
        self.failures = 1 if healthy else self.failures + 1
        self.state.restarts += 1
        self.state.last_exit = describe_exit(code)
        self._note(Condition.WAITING)
        self._ended(self)
        try:
            async with asyncio.timeout(self._backoff.wait(self.failures, self._rng)):
                await self._stopping.wait()
        except TimeoutError:
            await self._may_start.wait()

    async def _spawn(self) -> asyncio.subprocess.Process:
        program = self.program
        account = program.account
        log = open_log(self._log)
        try:
            process = await asyncio.create_subprocess_exec(
                *program.argv,
                env=dict(program.env),
                cwd=program.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # Its own session: a Ctrl-C in a terminal reaches nobody here, and its helpers can be found.
                start_new_session=True,
                user=None if account is None else account.uid,
                group=None if account is None else account.gid,
                extra_groups=None if account is None else [],
            )
        finally:
            os.close(log)
        self._began = time.monotonic()
        self.state.process = identify(process.pid) or ProcessRef(process.pid, "ended at once")
        self.state.ready_after_s = None
        self.state.since = time.time()
        self._note(Condition.STARTING)
        return process

    async def _probe(self) -> None:
        """Probe readiness for as long as the process lives."""
        while True:
            ready = await self.program.ready()
            if ready and not self.ready.is_set():
                if self.state.ready_after_s is None:
                    self.state.ready_after_s = round(time.monotonic() - self._began, 2)
                self.ready.set()
                self._note(Condition.READY)
            elif not ready and self.ready.is_set():
                self.ready.clear()
                self._note(Condition.NOT_READY)
            await asyncio.sleep(_READY_POLL_S if ready else _STARTING_POLL_S)

    def _note(self, condition: Condition) -> None:
        self.state.condition = condition
        self._changed()


def describe_exit(code: int) -> str:
    """Return an exit status in words: `status 1`, `killed by SIGKILL`."""
    if code >= 0:
        return f"status {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"
