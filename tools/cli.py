"""The `dinsight` command of a checkout: the shipped one, and the commands that run the platform here.

Its imports are cheap, as the shipped command's are: what is heavy is imported where it is used.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from dinsight.cli import build
from dinsight.installation import CommandError, Installation
from tools.demo.command import demo
from tools.local.layout import Layout

if TYPE_CHECKING:
    from dinsight.backup.restoring import Home

# The exit status `systemctl status` and init scripts use for "not running".
NOT_RUNNING = 3

WorkersOption = Annotated[
    int | None, typer.Option(min=1, max=64, help="Number of analysis workers (default 1).")
]
ServiceArgument = Annotated[str | None, typer.Argument(help="A program, as `status` names it.")]


def here() -> Layout:
    return Layout.from_environ(os.environ)


def running_here() -> Installation:
    """The installation that `up` started, or the one that the environment names."""
    from tools.local.connect import running_environment

    return Installation(running_environment(here(), os.environ).variables())


def stopped_here() -> Installation:
    """The same, also while it does not run."""
    from tools.local.connect import stopped_environment

    return Installation(stopped_environment(here(), os.environ).variables())


def home_here() -> Home:
    """Where `restore` puts the database."""
    from tools.local.home import LocalHome

    return LocalHome(here(), os.environ)


def up(
    workers: WorkersOption = None,
    servers_only: Annotated[
        bool, typer.Option("--servers-only", help="Start PostgreSQL and the broker only.")
    ] = False,
) -> None:
    """Start PostgreSQL, the broker, and all services and workers, and wait until they are ready."""
    from tools.local import lifecycle
    from tools.local.screen import ScreenProgress, show_addresses
    from tools.local.state import Phase, load_state

    screen = Console()
    progress = ScreenProgress(screen)
    layout = here()
    began = time.monotonic()
    wanted = lifecycle.Wanted(workers=workers or 1, with_services=not servers_only)
    try:
        with lifecycle.starting(layout, progress):
            state = load_state(layout.state_file)
            already = state is not None and state.supervised() and state.phase is Phase.UP
            if state is None or not already:
                state = lifecycle.bring_up(layout, os.environ, wanted, progress)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    finally:
        progress.close()
    if already:
        if difference := state.difference_from(workers, servers_only):
            raise CommandError(f"DInsight is already running {difference}. Run `dinsight down` first.")
        screen.print("DInsight is already running; `dinsight down` stops it.")
        show_addresses(screen, state, layout.logs)
    else:
        show_addresses(screen, state, layout.logs, time.monotonic() - began)


def down() -> None:
    """Stop everything that `up` started, and nothing else. Data is kept."""
    from tools.local import lifecycle
    from tools.local.screen import ScreenProgress

    screen = Console()
    progress = ScreenProgress(screen)
    try:
        found = lifecycle.shut_down(here(), progress)
    finally:
        progress.close()
    screen.print("DInsight is down." if found else "Nothing was running.")


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show the state, process id, port, restarts and uptime of every program."""
    from tools.local.backups import backup_line
    from tools.local.maintenance import maintenance_line
    from tools.local.screen import show_addresses, status_table
    from tools.local.state import load_state

    screen = Console()
    layout = here()
    state = load_state(layout.state_file)
    if state is None:
        screen.print("DInsight is not running; `dinsight up` starts it.")
        raise typer.Exit(NOT_RUNNING)
    if as_json:
        sys.stdout.write(layout.state_file.read_text(encoding="utf-8"))
    else:
        screen.print(status_table(state))
        if state.supervised():
            if state.doing:
                screen.print(f"now: {state.doing}")
            if state.error:
                screen.print(f"error: {state.error}", style="red", markup=False)
            show_addresses(screen, state, layout.logs)
            screen.print(maintenance_line(state), soft_wrap=True)
            screen.print(backup_line(state), soft_wrap=True)
    if not state.supervised():
        raise typer.Exit(NOT_RUNNING)


def logs(
    service: ServiceArgument = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Follow the logs.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Print lines as they were written (JSON).")] = False,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="Lines of each log to start with.")] = 50,
) -> None:
    """Print the programs' logs."""
    from tools.local.log_files import chosen_logs, read_logs
    from tools.local.log_lines import readable

    chosen = chosen_logs(here().logs, service)
    try:
        for name, line in read_logs(chosen, lines, follow=follow):
            text = line if plain else readable(line)
            sys.stdout.write(f"{text}\n" if service else f"{name:<11} | {text}\n")
            sys.stdout.flush()
    except (KeyboardInterrupt, BrokenPipeError):
        # The reader is gone: standard output must not complain about it when Python exits.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


app = build(running_here, stopped_here, home_here)
for command in (up, down, status, logs, demo):
    app.command()(command)


if __name__ == "__main__":
    app()
