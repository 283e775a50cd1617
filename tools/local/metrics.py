"""Reads the metrics of a running program, for `dinsight status`."""

from __future__ import annotations

import re
import urllib.request

from tools.local.ports import HOST
from tools.local.state import RunState

TIMEOUT_S = 2.0
SAMPLE = re.compile(r"^(dinsight_\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


def read_metrics(state: RunState, name: str) -> dict[str, float] | None:
    """Return the program's samples by name; None if it is not part of the run. Raises OSError."""
    port = next((program.port for program in state.programs if program.name == name), None)
    if port is None:
        return None
    with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=TIMEOUT_S) as response:
        return {sample: float(value) for sample, value in SAMPLE.findall(response.read().decode())}


def span(seconds: float) -> str:
    """Return a duration in its largest unit of which it has two or more: `3 d`, `90 min`, `5 s`."""
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
