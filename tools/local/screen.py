"""Terminal output of the commands: progress, the table of programs, log lines."""

from __future__ import annotations

import time
from collections.abc import Iterable
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from tools.local.processes import is_alive
from tools.local.state import Condition, Phase, ProgramState, RunState

_COLOURS = {
    Condition.READY: "green",
    Condition.STARTING: "yellow",
    Condition.WAITING: "yellow",
    Condition.NOT_READY: "red",
    Condition.STOPPED: "dim",
}


class ScreenProgress:
    """Shows finished steps as lines and, on a terminal, the current one with a spinner."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None

    def done(self, line: str) -> None:
        self._console.print(Text.assemble("  ", ("✓", "green"), " ", line), soft_wrap=True)

    def doing(self, text: str) -> None:
        if not text:
            self.close()
        elif self._status is None:
            self._status = self._console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def close(self) -> None:
        if self._status is not None:
            self._status.stop()
            self._status = None


def show_addresses(console: Console, state: RunState, logs: Path, took_s: float | None = None) -> None:
    """Print the addresses of a platform that was just started."""
    gateway = state.addresses.get("gateway")
    took = "" if took_s is None else f" ({took_s:.1f} s)"
    if gateway is None:
        console.print(f"The servers are running{took}, without services.")
    else:
        console.print(Text(f"DInsight is running{took}", style="bold green"))
        console.print(f"  page      {state.addresses.get('page', gateway)}", highlight=False)
        console.print(f"  gateway   {gateway}", highlight=False)
        console.print(f"  API docs  {gateway}/docs", highlight=False)
    console.print(Text(f"  logs      {logs}"), soft_wrap=True)


def status_table(state: RunState) -> Table:
    """Return a table with one row per process."""
    table = Table(box=None, pad_edge=False)
    for heading in ("process", "state"):
        table.add_column(heading)
    for heading in ("pid", "port", "restarts", "uptime"):
        table.add_column(heading, justify="right")
    table.add_column("last exit")
    supervised = state.supervised()
    condition = str(state.phase) if supervised else "not running: run `dinsight up` or `dinsight down`"
    table.add_row(
        "supervisor",
        Text(condition, style="green" if supervised and state.phase is Phase.UP else "yellow"),
        str(state.supervisor.pid),
        "",
        "",
        _span(time.time() - state.started_at) if supervised else "",
        "",
    )
    for program in state.programs:
        table.add_row(*_row(program))
    return table


def _row(program: ProgramState) -> Iterable[str | Text]:
    alive = program.process is not None and is_alive(program.process)
    condition = program.condition if alive or program.condition is Condition.WAITING else Condition.STOPPED
    yield program.name
    yield Text(condition, style=_COLOURS[condition])
    yield str(program.process.pid) if alive and program.process is not None else ""
    yield str(program.port)
    yield str(program.restarts)
    yield _span(time.time() - program.since) if alive else ""
    yield program.last_exit


def _span(seconds: float) -> str:
    whole = max(0, int(seconds))
    minutes, rest = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
