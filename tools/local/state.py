"""The supervisor's state file: running programs, their process ids and their state."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path

from tools.local.errors import LocalError
from tools.local.layout import write_private
from tools.local.processes import ProcessRef, is_alive


class Phase(StrEnum):
    STARTING = "starting"
    UP = "up"
    STOPPING = "stopping"
    FAILED = "failed"
    STOPPED = "stopped"


class Condition(StrEnum):
    STARTING = "starting"
    READY = "ready"
    NOT_READY = "not ready"
    WAITING = "restarting"
    STOPPED = "stopped"


@dataclass
class ProgramState:
    """The state of one program."""

    name: str
    title: str
    kind: str
    port: int
    log: str
    stop_signal: int
    process: ProcessRef | None = None
    condition: Condition = Condition.STOPPED
    restarts: int = 0
    since: float = 0.0
    ready_after_s: float | None = None
    last_exit: str = ""


@dataclass
class RunState:
    """One run of the platform, from `up` to `down`."""

    run_id: str
    supervisor: ProcessRef
    started_at: float
    workers: int
    phase: Phase = Phase.STARTING
    doing: str = ""
    error: str = ""
    done: list[str] = field(default_factory=list)
    addresses: Mapping[str, str] = field(default_factory=dict)
    programs: list[ProgramState] = field(default_factory=list)
    # Processes that end by themselves, such as the migrations.
    jobs: list[ProcessRef] = field(default_factory=list)

    def program(self, name: str) -> ProgramState:
        for program in self.programs:
            if program.name == name:
                return program
        known = ", ".join(program.name for program in self.programs)
        raise LocalError(f"No program is named {name!r}; there are: {known or 'none'}.")

    def difference_from(self, workers: int | None, servers_only: bool) -> str:
        """Describe how the running platform differs from the requested one; empty if it does not."""
        runs_services = any(program.kind != "server" for program in self.programs)
        if runs_services == servers_only:
            return "with services" if runs_services else "without services"
        same = servers_only or workers is None or workers == self.workers
        return "" if same else f"with {self.workers} worker(s)"

    def supervised(self) -> bool:
        return is_alive(self.supervisor)

    def living(self) -> Iterator[tuple[ProgramState, ProcessRef]]:
        for program in self.programs:
            if program.process is not None and is_alive(program.process):
                yield program, program.process


def save_state(path: Path, state: RunState) -> None:
    write_private(path, json.dumps(asdict(state), indent=1) + "\n")


def load_state(path: Path) -> RunState | None:
    """Return the last state; None if nothing was started since the last orderly stop."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return _from_json(stored)
    except FileNotFoundError:
        return None
    except PermissionError as error:
        raise LocalError(
            f"{path} belongs to another user, who started the platform here ({error}). Run as that user."
        ) from error
    except (ValueError, TypeError, KeyError) as error:
        raise LocalError(
            f"{path} is damaged ({error}). If no process of DInsight is running, delete the file."
        ) from error


def _from_json(stored: dict[str, object]) -> RunState:
    programs = stored.pop("programs")
    jobs = stored.pop("jobs")
    if not isinstance(programs, list) or not isinstance(jobs, list):
        raise TypeError("programs and jobs must be lists")
    run: dict[str, object] = {**stored, "supervisor": _ref(stored["supervisor"])}
    state = RunState(**run)  # type: ignore[arg-type]  # a wrong file raises TypeError, handled by the caller
    state.phase = Phase(state.phase)
    state.jobs = [job for job in map(_ref, jobs) if job is not None]
    for item in programs:
        program = ProgramState(**{**item, "process": _ref(item["process"])})
        program.condition = Condition(program.condition)
        state.programs.append(program)
    return state


def _ref(stored: object) -> ProcessRef | None:
    return ProcessRef(**stored) if isinstance(stored, dict) else None
