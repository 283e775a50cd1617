"""When the health of engines that run to failure turns: by the machine's history, and by each file alone."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.data import TURBOFAN
from bench.turbofan import FILE_CYCLES, Life, of_map
from services.analysis.engine import STATES, NormalRate, Run, assess_health, latest_wear
from services.analysis.engine.verdict.health import chance_at_rate, chance_beside_baseline

# A share of anomalies counted as evidence before if chance would produce it in fewer than one file in twenty.
CHANCE_BEFORE = 0.05


def health(found: dict[str, list[Life]], console: Console) -> None:
    """Print when the health turns: by the machine's history, and as before by each file alone."""
    table = Table(title="Health, file by file")
    names = ("set", "judged by", "turned in time", "in the first half", "falls back")
    for heading in (*names, "cycles left when turned", "when failing"):
        table.add_column(heading, justify="left" if heading in names[:2] else "right")
    for name, engines in found.items():
        for method, states_of in (("the history", by_history), ("each file alone (before)", by_file)):
            turned, failing, early, falls = [], [], 0, 0
            for life in engines:
                states = list(states_of(life))
                falls += sum(later < sooner for (_, sooner), (_, later) in pairwise(states))
                first = next((at for at, state in states if state > 0), None)
                if first is not None:
                    turned.append(life.cycles - first)
                    early += first <= 0.5 * life.cycles
                failing += [life.cycles - at for at, state in states if state > 1][:1]
            table.add_row(
                name,
                method,
                f"{sum(left > 0 for left in turned)} of {len(engines)}",
                str(early),
                str(falls),
                f"median {np.median(turned):.0f}, most {max(turned)}",
                f"median {np.median(failing):.0f} ({len(failing)})",
            )
    console.print(table)


def by_history(life: Life) -> Iterator[tuple[int, int]]:
    """The last cycle of each file, and the state (0 to 2) after it."""
    report, regimes = life.model.report, life.model.regimes()
    normal = NormalRate(report.expected_false_alarms, report.effective_samples)
    runs: list[Run] = []
    for rows in _files(life):
        wear = latest_wear(life.places[rows], life.distances[rows], regimes)
        hits, averaged = int(life.anomaly[rows].sum()), int(life.averaged[rows].sum())
        runs.append(Run(len(life.order[rows]), hits, wear, averaged=averaged))
        yield int(life.order[rows][-1]), STATES.index(assess_health(runs, TURBOFAN, normal=normal).state)


def by_file(life: Life) -> Iterator[tuple[int, int]]:
    """The same by the rules before: chance explains one file in twenty, and wear is measured on the map."""
    report = life.model.report
    normal = NormalRate(report.expected_false_alarms, report.effective_samples)
    centred = life.model.coordinates - life.model.coordinates.mean(axis=0)
    spread = np.sqrt((centred**2).sum() / (len(centred) - 1))
    for rows in _files(life):
        samples, hits = len(life.order[rows]), int(life.anomaly[rows].sum())
        level = _level(hits / samples, TURBOFAN.deteriorating_fraction, TURBOFAN.failing_fraction)
        if chance_beside_baseline(hits, samples, normal) >= CHANCE_BEFORE:
            level = 0
        elif chance_at_rate(hits, samples, TURBOFAN.deteriorating_fraction) >= CHANCE_BEFORE:
            level = min(level, 1)
        wear = float(np.median(of_map(life).wear[rows][-max(1, round(0.1 * samples)) :])) / spread
        of_wear = _level(wear, TURBOFAN.deteriorating_wear, TURBOFAN.failing_wear)
        yield int(life.order[rows][-1]), max(level, of_wear)


def _level(value: float, deteriorating: float, failing: float) -> int:
    return int(value >= deteriorating) + int(value >= failing)


def _files(life: Life) -> Iterator[slice]:
    return (slice(start, start + FILE_CYCLES) for start in range(0, len(life.later), FILE_CYCLES))
