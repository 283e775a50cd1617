"""Starts and stops a whole environment, for `up`, `down` and the tests' `Stack`."""

from __future__ import annotations

import fcntl
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from tools.local.chosen_ports import choose_ports
from tools.local.errors import LocalError, StartupFailed
from tools.local.layout import HOME_VARIABLE, STATE_DIR_VARIABLE, Layout
from tools.local.log_files import last_words, open_log
from tools.local.plan import LocalEnvironment
from tools.local.postgres import stray_server
from tools.local.processes import RUN_VARIABLE, ProcessRef, end_all, is_alive, marked_with, send, wait_gone
from tools.local.programs import Kind
from tools.local.secrets import load_or_create_secrets
from tools.local.settings import LocalSettings
from tools.local.state import Phase, RunState, load_state

# The supervisor's own graceful end takes at most the services' and the servers' grace one after the other.
SUPERVISOR_GRACE_S = 60.0
LEFTOVER_GRACE_S = 10.0
_POLL_S = 0.05


class Progress(Protocol):
    """Receives the steps of starting and stopping."""

    def done(self, line: str) -> None:
        """Report a finished step."""

    def doing(self, text: str) -> None:
        """Report the current step; an empty text if there is none."""


class Silence:
    """A `Progress` that shows nothing."""

    def done(self, line: str) -> None:
        pass

    def doing(self, text: str) -> None:
        pass


@dataclass(frozen=True)
class Wanted:
    """What to start."""

    workers: int = 1
    with_services: bool = True
    durable: bool = True
    # End everything when this process ends; None: stay until stopped.
    while_pid: int | None = None


def _not_ours(layout: Layout, error: PermissionError) -> LocalError:
    return LocalError(
        f"{error.filename} cannot be written: {layout.state_dir} belongs to another user. "
        f"Run as that user, or choose another folder with {STATE_DIR_VARIABLE}."
    )


@contextmanager
def starting(layout: Layout, progress: Progress) -> Iterator[None]:
    """Hold the lock of `up`: two at once would create the same cluster and choose the same ports."""
    try:
        layout.state_dir.mkdir(parents=True, exist_ok=True)
        lock = layout.starting_file.open("w")
    except PermissionError as error:
        raise _not_ours(layout, error) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            progress.doing("waiting for another `up` that is starting")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def prepare(
    layout: Layout, environ: Mapping[str, str], wanted: Wanted, progress: Progress
) -> LocalEnvironment:
    """Create folders, secrets, ports and the database cluster. Leaves no program running."""
    settings = LocalSettings.from_environ(environ)
    try:
        layout.create()
        secrets = load_or_create_secrets(layout.secrets_file)
        rng = random.Random()  # noqa: S311 - chooses ports, guards nothing
        ports = choose_ports(layout, settings, wanted.workers, rng)
    except PermissionError as error:
        raise _not_ours(layout, error) from error
    environment = LocalEnvironment(
        layout, settings, secrets, ports, environ, wanted.workers, wanted.with_services, wanted.durable
    )
    if (postgres := environment.postgres()) is not None:
        if (stray := stray_server(layout.postgres)) is not None:
            progress.done(f"Stopping an unsupervised PostgreSQL (process {stray.pid})")
            end_all([stray], signal.SIGINT, LEFTOVER_GRACE_S)
        progress.doing("creating the database cluster")
        if postgres.create():
            progress.done(f"Database cluster created in {postgres.place()}")
    if (kafka := environment.apache_kafka()) is not None:
        progress.doing("fetching and formatting Apache Kafka")
        kafka.create()
    return environment


def bring_up(layout: Layout, environ: Mapping[str, str], wanted: Wanted, progress: Progress) -> RunState:
    """Stop the leftovers of a killed run, then start everything or wait for a start in progress."""
    state = load_state(layout.state_file)
    if state is not None and state.phase is Phase.STOPPING:
        progress.doing("waiting for the previous run to stop")
        wait_gone([state.supervisor], SUPERVISOR_GRACE_S)
    try:
        if state is not None and state.supervised():
            return follow(layout, progress)
        if shut_down(layout, progress):
            progress.done("Stopped what an earlier run had left behind")
        return launch(prepare(layout, environ, wanted, progress), wanted, progress)
    except KeyboardInterrupt:
        progress.doing("interrupted: stopping what was started")
        shut_down(layout, progress)
        raise


def launch(environment: LocalEnvironment, wanted: Wanted, progress: Progress) -> RunState:
    """Start the supervisor and follow it until everything is ready. Leaves nothing running on failure."""
    layout = environment.layout
    run_id = uuid.uuid4().hex
    command = [sys.executable, "-m", "tools.local.daemon", f"--workers={wanted.workers}"]
    command += [] if wanted.with_services else ["--servers-only"]
    command += [] if wanted.durable else ["--throw-away"]
    command += [] if wanted.while_pid is None else [f"--while-pid={wanted.while_pid}"]
    log = open_log(layout.log_file("supervisor"))
    ready, ready_fd = os.pipe()
    try:
        subprocess.run(  # noqa: S603 - our own module, no shell
            [*command, f"--ready-fd={ready_fd}"],
            cwd=layout.root,
            env={
                **environment.environ,
                HOME_VARIABLE: str(layout.root),
                STATE_DIR_VARIABLE: str(layout.state_dir),
                RUN_VARIABLE: run_id,
            },
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(ready_fd,),
            start_new_session=True,
            check=False,
        )
    finally:
        os.close(ready_fd)
        os.close(log)
    with os.fdopen(ready, "rb") as closes_when_written:
        closes_when_written.read()
    state = load_state(layout.state_file)
    if state is None or state.run_id != run_id:
        raise StartupFailed(_supervisor_died(layout))
    return follow(layout, progress)


def follow(layout: Layout, progress: Progress) -> RunState:
    """Report the steps of a starting run until it is up."""
    reported = 0
    while True:
        state = load_state(layout.state_file)
        if state is None:
            raise StartupFailed("DInsight was stopped while it was starting.")
        for line in state.done[reported:]:
            progress.done(line)
        reported = len(state.done)
        progress.doing(state.doing)
        if state.phase is Phase.UP:
            return state
        if state.phase is Phase.FAILED:
            _await_end(state)
            layout.state_file.unlink(missing_ok=True)
            raise StartupFailed(state.error)
        if state.phase is Phase.STOPPED:
            raise StartupFailed("DInsight was stopped while it was starting.")
        if not state.supervised():
            raise StartupFailed(_supervisor_died(layout))
        time.sleep(_POLL_S)


def _await_end(state: RunState) -> None:
    wait_gone([state.supervisor], SUPERVISOR_GRACE_S)


def _supervisor_died(layout: Layout) -> str:
    log = layout.log_file("supervisor")
    return f"The supervisor exited. The end of {log}:\n{last_words(log, 12)}"


def shut_down(layout: Layout, progress: Progress, grace_s: float = SUPERVISOR_GRACE_S) -> bool:
    """Stop what this environment started, and nothing else. Returns False if nothing was running."""
    state = load_state(layout.state_file)
    found = False
    if state is not None and state.supervised():
        found = True
        progress.doing("stopping services, then servers")
        send(state.supervisor, signal.SIGTERM)
        if wait_gone([state.supervisor], grace_s):
            progress.done("The supervisor does not respond; stopping what it started")
            send(state.supervisor, signal.SIGKILL)
            wait_gone([state.supervisor], LEFTOVER_GRACE_S)
        state = load_state(layout.state_file) or state
    if state is not None:
        found = sweep(state) or found
    if (stray := stray_server(layout.postgres)) is not None:
        found = True
        end_all([stray], signal.SIGINT, LEFTOVER_GRACE_S)
    layout.state_file.unlink(missing_ok=True)
    return found


def sweep(state: RunState) -> bool:
    """Stop the processes that a dead supervisor left behind: services first, servers last."""
    living = [(program, ref) for program, ref in state.living()]
    groups: list[tuple[list[ProcessRef], signal.Signals]] = [
        ([ref for program, ref in living if program.kind == Kind.SERVICE], signal.SIGTERM),
        ([job for job in state.jobs if is_alive(job)], signal.SIGTERM),
    ]
    for program, ref in living:
        if program.kind != Kind.SERVICE:
            groups.append(([ref], signal.Signals(program.stop_signal)))
    found = False
    for refs, sig in groups:
        found = found or bool(refs)
        end_all(refs, sig, LEFTOVER_GRACE_S)
    # Started in the instant before the supervisor was killed, or a helper whose parent is gone.
    strays = [ref for ref in marked_with(state.run_id) if ref.pid != os.getpid()]
    end_all(strays, signal.SIGTERM, LEFTOVER_GRACE_S)
    return found or bool(strays)
