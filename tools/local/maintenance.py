"""The line of `dinsight status` about maintenance, from the metrics of the program that does it."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from tools.local.metrics import read_metrics, span
from tools.local.state import RunState

LABEL = "  retention "
# As in deploy/prometheus/rules.yml.
MAX_AGE_S = 2 * 86_400.0


def maintenance_line(state: RunState) -> Text:
    """Return one line; red where somebody should act."""
    try:
        samples = read_metrics(state, "maintenance")
    except OSError as error:
        return Text(f"{LABEL}the program `maintenance` does not respond ({error})", style="red")
    if samples is None:
        return Text(f"{LABEL}none: this environment runs without maintenance", style="dim")
    return describe(samples)


def describe(samples: Mapping[str, float]) -> Text:
    age = samples.get("dinsight_maintenance_age_seconds")
    if age is None:
        return Text(f"{LABEL}no run of maintenance has succeeded yet", style="yellow")
    text = f"{LABEL}the last successful run of maintenance is {span(age)} old"
    return Text(text, style="red" if age > MAX_AGE_S else "")
