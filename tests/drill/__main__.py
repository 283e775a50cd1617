"""`make drill`: a table is dropped, and a machine is lost; prints what was lost, and how long it took."""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.drill.drill import Findings, dropped_table, lost_machine, topics_hold
from tests.drill.machine import Machine
from tests.leash import Leash

LOAD_ROWS = 1_000
MAX_LOST_SECONDS = 5.0
HEADINGS = (
    "",
    "tables",
    "rows equal",
    "files equal",
    "writes lost",
    "of the last",
    "restored in",
    "up after",
)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=LOAD_ROWS, help="rows to write in each phase")
    parser.add_argument("--servers-only", action="store_true", help="without the services: quicker")
    options = parser.parse_args()
    console = Console(width=110)
    began = time.monotonic()

    def say(text: str) -> None:
        console.print(f"[{time.monotonic() - began:6.1f} s] {text}", markup=False, highlight=False)

    place = Path(tempfile.mkdtemp(prefix="dinsight-drill-"))
    place.chmod(0o755)
    leash = Leash()
    leash.remove_in_the_end(place)
    services = not options.servers_only
    machines: list[Machine] = []

    def new() -> Machine:
        machine = Machine(place / f"machine-{len(machines)}", place / "repository", leash, services=services)
        machines.append(machine)
        return machine

    try:
        first = new()
        first.up()
        say("up")
        findings = {
            "a dropped table": dropped_table(first, place / "beside", options.rows, say, in_place=True),
            "a lost machine": lost_machine(first, new, place / "escrow.env", options.rows, say),
        }
        topics_hold(machines[-1], say)
    finally:
        for machine in machines:
            if machine.layout.state_dir.exists():
                machine.down()
        leash.close()
        shutil.rmtree(place, ignore_errors=True)
    console.print(_report(findings))
    return int(any(one.lost_seconds > MAX_LOST_SECONDS for one in findings.values()))


def _report(findings: dict[str, Findings]) -> Table:
    report = Table()
    for heading in HEADINGS:
        report.add_column(heading, justify="right" if heading else "left")
    for name, one in findings.items():
        report.add_row(
            name,
            str(one.tables),
            str(one.rows),
            str(one.files),
            str(one.lost_rows),
            f"{one.lost_seconds:.2f} s",
            f"{one.restore_seconds:.1f} s",
            f"{one.up_seconds:.1f} s",
        )
    return report


if __name__ == "__main__":
    sys.exit(main())
