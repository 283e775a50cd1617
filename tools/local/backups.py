"""What `dinsight status` says about backups: asked of the program that takes them."""

from __future__ import annotations

import re
import urllib.request

from rich.text import Text

from tools.local.ports import HOST
from tools.local.state import RunState

PATIENCE_S = 2.0
# As in deploy/prometheus/rules.yml.
MAX_AGE_S = 86_400.0
MAX_WAL_AGE_S = 300.0
SAMPLE = re.compile(r"^(dinsight_backup_\w+)(?:\{[^}]*\})? (\S+)$", re.MULTILINE)


def backup_line(state: RunState) -> Text:
    """One line; red where somebody should act."""
    port = next((program.port for program in state.programs if program.name == "backup"), None)
    if port is None:
        return Text("backups   none: set DINSIGHT_BACKUP_URL", style="yellow")
    try:
        with urllib.request.urlopen(f"http://{HOST}:{port}/metrics", timeout=PATIENCE_S) as answer:
            text = answer.read().decode()
    except OSError as error:
        return Text(f"backups   the program `backup` does not answer ({error})", style="red")
    return describe({name: float(value) for name, value in SAMPLE.findall(text)})


def describe(samples: dict[str, float]) -> Text:
    age, wal_age = samples.get("dinsight_backup_age_seconds"), samples.get("dinsight_backup_wal_age_seconds")
    last = "none is verified yet" if age is None else f"the last verified one is {_span(age)} old"
    wal = "no WAL was shipped yet" if wal_age is None else f"writes are {_span(wal_age)} behind"
    late = age is None or age > MAX_AGE_S or wal_age is None or wal_age > MAX_WAL_AGE_S
    return Text(f"backups   {last}; {wal}", style="red" if late else "")


def _span(seconds: float) -> str:
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
