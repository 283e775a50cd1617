"""The line of `dinsight status` about backups, from the metrics of the program that takes them."""

from __future__ import annotations

from collections.abc import Mapping

from rich.text import Text

from tools.local.metrics import read_metrics, span
from tools.local.state import RunState

LABEL = "  backups   "
# As in deploy/prometheus/rules.yml.
MAX_AGE_S = 86_400.0
MAX_WAL_AGE_S = 300.0


def backup_line(state: RunState) -> Text:
    """Return one line; red where somebody should act."""
    try:
        samples = read_metrics(state, "backup")
    except OSError as error:
        return Text(f"{LABEL}the program `backup` does not respond ({error})", style="red")
    if samples is None:
        return Text(f"{LABEL}none: set DINSIGHT_BACKUP_URL", style="yellow")
    return describe(samples)


def describe(samples: Mapping[str, float]) -> Text:
    age, wal_age = samples.get("dinsight_backup_age_seconds"), samples.get("dinsight_backup_wal_age_seconds")
    last = "none is verified yet" if age is None else f"the last verified one is {span(age)} old"
    wal = "no WAL was shipped yet" if wal_age is None else f"writes are {span(wal_age)} behind"
    late = age is None or age > MAX_AGE_S or wal_age is None or wal_age > MAX_WAL_AGE_S
    return Text(f"{LABEL}{last}; {wal}", style="red" if late else "")
