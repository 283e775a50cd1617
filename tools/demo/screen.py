"""Terminal output of the demo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.padding import Padding
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)
from rich.table import Table

from tools.demo.api import Json

SEVERITY_STYLES = {"low": "yellow", "medium": "dark_orange", "high": "red", "critical": "bold red"}
VERDICT_STYLES = {"ready": "green", "usable": "yellow", "unreliable": "red"}
# Columns of a table of features, and their widths.
NUMBERS = {"expected": 9, "observed": 9, "deviation": 10, "share": 5}
MAX_ANOMALIES = 8
MAX_FEATURES = 3
# Upload and analysis are each one bar of a hundred.
FULL = 100.0

Report = Callable[[float, str], None]


class Screen:
    def __init__(self, console: Console) -> None:
        self.console = console

    def step(self, text: str) -> None:
        self.console.print(f"[green]✓[/] {text}", highlight=False)

    def note(self, text: str) -> None:
        self.console.print(Padding(f"[dim]{text}[/]", (0, 0, 0, 2)), highlight=False)

    def heading(self, text: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{text}[/]", align="left", style="dim")

    @contextmanager
    def bar(self, title: str) -> Iterator[Report]:
        """Show a progress bar. The report takes a fraction (0 to 1) and the current step."""
        columns = (
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            TaskProgressColumn(),
            TextColumn("[dim]{task.fields[doing]}"),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console, transient=True) as progress:
            task = progress.add_task(title, total=FULL, doing="")
            yield lambda share, doing: progress.update(task, completed=FULL * share, doing=doing)

    def baseline(self, results: Json) -> None:
        readiness = results["readiness"]
        verdict = str(readiness["verdict"])
        grid = _grid()
        grid.add_row("samples x features", f"{results['samples']:,} x {results['features']:,}")
        grid.add_row("scaling", f"{results['scaling']}: {escape(str(results['scaling_reason']))}")
        grid.add_row(
            "map",
            f"{results['iterations']} iterations, trustworthiness {results['trustworthiness']:.3f},"
            f" cost per pair {results['cost_per_pair']:.4g}",
        )
        grid.add_row("threshold", f"{results['threshold']:.4g}")
        grid.add_row(
            "false alarms expected",
            f"{readiness['expected_false_alarms']:.1%}, at most {readiness['false_alarms_bound']:.1%}",
        )
        grid.add_row("readiness", f"[{VERDICT_STYLES.get(verdict, '')}]{verdict}[/]")
        for advice in readiness["advice"]:
            grid.add_row("", f"[dim]{escape(advice)}[/]")
        self.console.print(grid, highlight=False)

    def monitoring(self, results: Json) -> None:
        health = results.get("health") or {}
        grid = _grid()
        grid.add_row("samples", f"{results['samples']:,}")
        grid.add_row("anomalies", f"{results['anomaly_count']:,} ({results['anomaly_fraction']:.1%})")
        grid.add_row(
            "largest distance", f"{results['max_distance']:.4g} (threshold {results['threshold']:.4g})"
        )
        if health:
            grid.add_row("health", str(health["state"]))
        for reason in health.get("reasons", ()):
            grid.add_row("", f"[dim]{escape(reason)}[/]")
        self.console.print(grid, highlight=False)

    def anomalies(self, anomalies: Sequence[Json], name_of: Callable[[str, Json], str]) -> None:
        """Print the first of each severity and the worst. `name_of` describes a feature of a sample."""
        table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False)
        rest = self.console.width - sum(width + 2 for width in NUMBERS.values())
        table.add_column("sample and features", no_wrap=True, overflow="ellipsis", max_width=max(rest, 20))
        for title, width in NUMBERS.items():
            table.add_column(title, justify="right", no_wrap=True, min_width=width)
        for anomaly in chosen(anomalies):
            style = SEVERITY_STYLES.get(anomaly["severity"], "")
            ratio = anomaly["distance"] / anomaly["threshold"]
            table.add_row(f"[{style}]{anomaly['sample_index']}: {anomaly['severity']}, ratio {ratio:.2f}[/]")
            for feature in anomaly["features"]["features"][:MAX_FEATURES]:
                table.add_row(
                    f"  {escape(name_of(feature['name'], anomaly))}",
                    f"{feature['expected']:.4g}",
                    f"{feature['observed']:.4g}",
                    f"{feature['deviation']:+.1f} sd",
                    f"{feature['share']:.0%}",
                )
        self.console.print(table, highlight=False)

    def alerts(self, alerts: Sequence[Json]) -> None:
        """Print each alert on a line, and what it is about below."""
        if not alerts:
            self.note("No alert was raised.")
        for alert in alerts:
            style = SEVERITY_STYLES.get(alert["severity"], "")
            worst = alert["worst_distance_ratio"]
            facts = [alert["status"], f"findings: {alert['count']}"]
            facts += [] if worst is None else [f"worst ratio {worst:.2f}"]
            name = f"[bold]{escape(alert['rule_name'])}[/] [{style}]{alert['severity']}[/]"
            self.console.print(f"  {name} {', '.join(facts)}", highlight=False)
            self.note(escape(alert["summary"]))

    def link(self, label: str, address: str) -> None:
        """On a line of its own, so that a terminal can open it and people can copy it whole."""
        self.note(label)
        self.console.print(f"  {address}", highlight=False, soft_wrap=True, markup=False)

    def timings(self, timings: Mapping[str, float]) -> None:
        grid = _grid()
        for name, seconds in timings.items():
            grid.add_row(name, f"{seconds:.2f} s")
        self.console.print(grid, highlight=False)


def chosen(anomalies: Sequence[Json]) -> list[Json]:
    """Return a few representative anomalies in order: the first of each severity, then the worst."""
    in_order = sorted(anomalies, key=lambda anomaly: int(anomaly["sample_index"]))
    firsts: dict[str, Json] = {}
    for anomaly in in_order:
        firsts.setdefault(anomaly["severity"], anomaly)
    worst = sorted(in_order, key=lambda anomaly: -float(anomaly["distance"]))
    picked: dict[str, Any] = {a["id"]: a for a in [*firsts.values(), *worst][:MAX_ANOMALIES]}
    return sorted(picked.values(), key=lambda anomaly: int(anomaly["sample_index"]))


def _grid() -> Table:
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", min_width=22)
    grid.add_column(overflow="fold")
    return grid
