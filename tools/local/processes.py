"""Process references that a reused process id cannot be mistaken for."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

RUN_VARIABLE = "DINSIGHT_RUN_ID"
_POLL_S = 0.05


@dataclass(frozen=True)
class ProcessRef:
    """A process id together with the process's start time as the kernel reports it."""

    pid: int
    started: str


def identify(pid: int) -> ProcessRef | None:
    """Return a reference to the process with this id; None if there is none or it is a zombie."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _identify_by_clock(pid)
    try:
        # The command stands in parentheses and may hold spaces: fields are counted from the last one.
        fields = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, start_ticks = fields[0], fields[19]
    # Ticks since boot do not move when the clock is set; the boot id tells two boots apart.
    boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    return None if state in "ZX" else ProcessRef(pid, f"{boot}:{start_ticks}")


def _identify_by_clock(pid: int) -> ProcessRef | None:
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        return ProcessRef(pid, f"{process.create_time():.2f}")
    except psutil.NoSuchProcess:
        return None


def is_alive(ref: ProcessRef) -> bool:
    return identify(ref.pid) == ref


def send(ref: ProcessRef, sig: signal.Signals) -> bool:
    """Signal exactly this process, pinned by a descriptor. Returns False if it is gone."""
    with contextlib.suppress(ProcessLookupError):
        if not hasattr(os, "pidfd_open"):
            if is_alive(ref):
                os.kill(ref.pid, sig)
                return True
            return False
        descriptor = os.pidfd_open(ref.pid)
        try:
            if is_alive(ref):
                signal.pidfd_send_signal(descriptor, sig)
                return True
        finally:
            os.close(descriptor)
    return False


def session_members(leader: ProcessRef) -> list[ProcessRef]:
    """Return the other processes of the session that this process leads or led.

    The kernel does not hand out a number that still names a session, so as long as members live the
    number is not recycled; when it has been, there are no members of ours left.
    """
    current = identify(leader.pid)
    if current is not None and current != leader:
        return []
    members = []
    for pid in psutil.pids():
        if pid == leader.pid:
            continue
        try:
            if os.getsid(pid) != leader.pid:
                continue
        except (ProcessLookupError, PermissionError):
            continue
        if (ref := identify(pid)) is not None:
            members.append(ref)
    return members


def marked_with(run_id: str) -> list[ProcessRef]:
    """Return processes with a run's mark in their environment, which includes those not yet recorded."""
    mark = f"{RUN_VARIABLE}={run_id}".encode()
    found = []
    for pid in psutil.pids():
        try:
            environ = Path(f"/proc/{pid}/environ").read_bytes()
        except OSError:
            continue
        if mark in environ.split(b"\0") and (ref := identify(pid)) is not None:
            found.append(ref)
    return found


def wait_gone(refs: Iterable[ProcessRef], seconds: float) -> list[ProcessRef]:
    """Wait until these processes have exited. Returns those that are still alive at the timeout."""
    left = [ref for ref in refs if is_alive(ref)]
    deadline = time.monotonic() + seconds
    while left and time.monotonic() < deadline:
        time.sleep(_POLL_S)
        left = [ref for ref in left if is_alive(ref)]
    return left


def end_all(refs: Iterable[ProcessRef], sig: signal.Signals, grace_s: float) -> None:
    """Stop processes with SIGTERM, wait, then kill those that remain and the rest of their sessions."""
    refs = list(refs)
    for ref in refs:
        send(ref, sig)
    wait_gone(refs, grace_s)
    rest = [*refs, *(member for ref in refs for member in session_members(ref))]
    for ref in rest:
        send(ref, signal.SIGKILL)
    wait_gone(rest, grace_s)
