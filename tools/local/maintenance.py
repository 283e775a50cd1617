"""What `dinsight status` says about maintenance: asked of the program that does it."""

from __future__ import annotations

import re
import urllib.request

from rich.text import Text

from tools.local.ports import HOST
from tools.local.state import RunState

PATIENCE_S = 2.0
# As in deploy/prometheus/rules.yml.
MAX_AGE_S = 2 * 86_400.0
AGE = re.compile(r"^dinsight_maintenance_age_seconds(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


def maintenance_line(state: RunState) -> Text:
    """One line; red where somebody should act."""
    port = next((program.port for program in state.programs if program.name == "maintenance"), None)
    if port is None:
        return Text("  upkeep    none: this environment runs without maintenance", style="dim")
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=PATIENCE_S) as answer:
            return describe(answer.read().decode())
    except OSError as error:
        return Text(f"  upkeep    the program `maintenance` does not answer ({error})", style="red")


def describe(metrics: str) -> Text:
    """How old the last successful run is, from the program's metrics."""
    found = AGE.search(metrics)
    if found is None:
        return Text("  upkeep    no run of maintenance has succeeded yet", style="yellow")
    age = float(found.group(1))
    text = f"  upkeep    the last successful run of maintenance is {_span(age)} old"
    return Text(text, style="red" if age > MAX_AGE_S else "")


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
