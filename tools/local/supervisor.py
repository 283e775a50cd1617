"""Starts a plan's programs in order, keeps them running, and stops them in reverse order."""

from __future__ import annotations

import asyncio
import logging
import os
import random
import time
from collections.abc import Iterable

from tools.local.backoff import Backoff
from tools.local.child import Child, describe_exit
from tools.local.errors import StartupFailed
from tools.local.layout import Layout
from tools.local.log_files import last_words, open_log
from tools.local.processes import ProcessRef, identify, is_alive
from tools.local.programs import Job, Plan, Program
from tools.local.state import Phase, RunState, load_state, save_state

logger = logging.getLogger(__name__)

# A program that ends this often before it was ever ready will not start by itself.
STARTUP_ATTEMPTS = 3
# Services cannot finish their work without their broker: after its death they get this long to end.
GRACE_WITHOUT_BROKER_S = 5.0
_WATCH_S = 1.0
_POLL_S = 0.05
_TAIL_LINES = 12


class Supervisor:
    """One run of a plan. Ends when `stop` is called, when starting fails, or when its owner is gone."""

    def __init__(
        self,
        plan: Plan,
        layout: Layout,
        state: RunState,
        *,
        backoff: Backoff,
        rng: random.Random,
        while_alive: ProcessRef | None = None,
    ) -> None:
        self._plan = plan
        self._layout = layout
        self._state = state
        self._while_alive = while_alive
        # False once the state file is gone or another run's: then it is no longer ours to write.
        self._owns_state_file = True
        self._stop = asyncio.Event()
        self._broker_lost = asyncio.Event()
        self._services_run = False

        def child(program: Program) -> Child:
            return Child(
                program,
                layout.log_file(program.name),
                changed=self._save,
                ended=self._on_end,
                backoff=backoff,
                rng=rng,
            )

        self._servers = [child(program) for program in plan.servers]
        self._services = [child(program) for program in plan.services]
        state.programs = [one.state for one in (*self._servers, *self._services)]
        state.addresses = plan.addresses

    def stop(self) -> None:
        self._stop.set()

    async def run(self) -> int:
        """Run until stopped; returns the exit status."""
        self._save()
        work = asyncio.create_task(self._work())
        watch = asyncio.create_task(self._watch())
        stopped = asyncio.create_task(self._stop.wait())
        await asyncio.wait({work, watch, stopped}, return_when=asyncio.FIRST_COMPLETED)
        failure = work.exception() if work.done() else None
        for task in (work, watch, stopped):
            task.cancel()
        await asyncio.gather(work, watch, stopped, return_exceptions=True)
        await self._end_everything(failure)
        if failure is not None and not isinstance(failure, StartupFailed):
            raise failure
        return 0 if failure is None else 1

    async def _work(self) -> None:
        await self._bring_up()
        while True:
            await self._broker_lost.wait()
            await self._refill_broker()

    # Starting

    async def _bring_up(self) -> None:
        await self._start_all(self._servers)
        self._broker_lost.clear()
        await asyncio.gather(*(self._run_job(job) for job in self._plan.jobs))
        for job in self._plan.refill:
            await self._run_job(job)
        await self._start_all(self._services)
        self._services_run = True
        self._state.doing = ""
        self._set_phase(Phase.UP)

    async def _start_all(self, children: Iterable[Child]) -> None:
        children = list(children)
        for one in children:
            one.start()
        await self._until(children)

    async def _until(self, children: list[Child]) -> None:
        """Wait until all are ready, and report those that are not. A failed start ends the run."""
        began = time.monotonic()
        reported: set[str] = set()
        while missing := [one for one in children if not one.ready.is_set()]:
            for one in children:
                if one.ready.is_set() and one.program.name not in reported:
                    reported.add(one.program.name)
                    self._tell_done(f"{one.program.title} ready on port {one.program.port}", one)
            self._tell_doing("starting " + ", ".join(one.program.title for one in missing))
            for one in missing:
                if one.failures >= STARTUP_ATTEMPTS:
                    raise StartupFailed(self._why(one, f"ended {one.failures} times ({one.state.last_exit})"))
                if time.monotonic() - began > one.program.ready_timeout_s:
                    wait = one.program.ready_timeout_s
                    raise StartupFailed(self._why(one, f"was not ready after {wait:.0f} s"))
            await asyncio.sleep(_POLL_S)
        for one in children:
            if one.program.name not in reported:
                self._tell_done(f"{one.program.title} ready on port {one.program.port}", one)

    def _why(self, one: Child, what: str) -> str:
        log = self._layout.log_file(one.program.name)
        return f"{one.program.title} {what}. The end of {log}:\n{last_words(log, _TAIL_LINES)}"

    async def _run_job(self, job: Job) -> None:
        self._tell_doing(job.title)
        began = time.monotonic()
        path = self._layout.log_file(job.name)
        log = open_log(path)
        try:
            process = await asyncio.create_subprocess_exec(
                *job.argv,
                env=dict(job.env),
                cwd=job.cwd,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        finally:
            os.close(log)
        ref = identify(process.pid)
        if ref is not None:
            self._state.jobs.append(ref)
        self._save()
        try:
            code = await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
            if ref is not None:
                self._state.jobs.remove(ref)
        if code != 0:
            raise StartupFailed(
                f"{job.title} failed ({describe_exit(code)}). The end of {path}:\n"
                f"{last_words(path, _TAIL_LINES)}"
            )
        self._state.done.append(f"{job.title}: done ({time.monotonic() - began:.1f} s)")
        self._save()

    # Keeping

    def _on_end(self, child: Child) -> None:
        logger.warning("%s ended (%s), will be started again", child.program.name, child.state.last_exit)
        if child.program.forgets:
            self._broker_lost.set()
            if self._services_run:
                child.hold()

    async def _refill_broker(self) -> None:
        """Refill a broker that came back empty while no service runs, then restart the services.

        It is held back until the services have ended: for their clients it would create the topics, with its
        own default number of partitions.
        """
        self._tell_doing("the broker ended; restarting it, then the services")
        await asyncio.gather(*(one.stop(GRACE_WITHOUT_BROKER_S) for one in self._services))
        self._services_run = False
        for one in self._servers:
            one.release()
        while self._broker_lost.is_set():
            self._broker_lost.clear()
            await asyncio.gather(*(one.ready.wait() for one in self._servers))
            try:
                for job in self._plan.refill:
                    await self._run_job(job)
            except StartupFailed as error:
                # The broker may have ended again under the job; try until it stays.
                self._state.error = str(error)
                self._broker_lost.set()
                await asyncio.sleep(_WATCH_S)
        self._services_run = True
        for one in self._services:
            one.state.restarts += 1
            one.start()
        self._state.error = ""
        self._tell_doing("")

    async def _watch(self) -> None:
        """Return when this run has no owner: its folder is gone, or the process that it serves has exited."""
        while True:
            await asyncio.sleep(_WATCH_S)
            if self._while_alive is not None and not is_alive(self._while_alive):
                return
            stored = load_state(self._layout.state_file)
            if stored is None or stored.run_id != self._state.run_id:
                self._owns_state_file = False
                return

    # Ending

    async def _end_everything(self, failure: BaseException | None) -> None:
        self._set_phase(Phase.STOPPING)
        await asyncio.gather(*(one.stop() for one in self._services))
        await asyncio.gather(*(one.stop() for one in self._servers))
        if failure is not None:
            self._state.error = str(failure)
        self._set_phase(Phase.STOPPED if failure is None else Phase.FAILED)

    # Telling

    def _tell_doing(self, text: str) -> None:
        if self._state.doing != text:
            self._state.doing = text
            self._save()

    def _tell_done(self, text: str, one: Child) -> None:
        after = one.state.ready_after_s
        self._state.done.append(text if after is None else f"{text} ({after:.1f} s)")
        self._save()

    def _set_phase(self, phase: Phase) -> None:
        logger.info("%s", phase)
        self._state.phase = phase
        self._save()

    def _save(self) -> None:
        # The folder may have been removed under us: that ends the run, it must not end it half-way.
        if self._owns_state_file and self._layout.state_dir.is_dir():
            save_state(self._layout.state_file, self._state)
