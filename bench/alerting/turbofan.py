"""Backtests of rules on engines that run to failure (C-MAPSS): `python -m bench.alerting.turbofan`.

The first cycles of each engine are its baseline; the engine scores the later ones, a cycle an hour, which
come in files of 20. Each rule is replayed over them, as `POST /alert-rules/backtest` does, until the failure.
"""

import argparse
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from rich.console import Console
from rich.table import Table

from bench.data import DATA
from bench.turbofan import FILE_CYCLES, SETS, Life, lives
from services.alerting.backtest.domain import Replay, in_order, replay
from services.alerting.judging.core import Judged
from services.alerting.rules.conditions import compile_condition
from services.alerting.rules.signals import Severity
from services.alerting.series.domain import Block
from tests.unit.alerting.examples import SAMPLE_TIME, condition, leaf, recorded, scored

CYCLE = timedelta(hours=1)
CLEAR = {"no_recurrence_for": "PT10H"}
SHARE = leaf(0.5, signal="anomaly.fraction") | {"window": "PT20H"}
RULES: Mapping[str, dict[str, Any]] = {
    "every anomaly (ratio 1)": condition(leaf(1.0), clear=CLEAR),
    "ratio 1.5": condition(clear=CLEAR),
    "3 of 10 cycles with ratio 1": condition(
        leaf(1.0), trigger={"mode": "m_of_n", "m": 3, "n": 10}, clear=CLEAR
    ),
    "half of the last 20 cycles": condition(SHARE, clear=CLEAR),
}


@dataclass(frozen=True)
class History:
    """The scored cycles of an engine, of which the last one is that of its failure."""

    machine_id: UUID
    cycles: int
    blocks: Sequence[Block]

    @classmethod
    def of(cls, life: Life) -> "History":
        machine_id = uuid4()
        ratios = (life.distances / life.model.threshold).tolist()
        records = [
            recorded(
                scored(
                    machine_id,
                    ratios[first : first + FILE_CYCLES],
                    start=SAMPLE_TIME + first * CYCLE,
                    every=CYCLE,
                ),
                first + 1,
            )
            for first in range(0, len(ratios), FILE_CYCLES)
        ]
        end = SAMPLE_TIME + len(ratios) * CYCLE
        blocks = [block for record in records for block in record.blocks()]
        return cls(machine_id, len(ratios), in_order(blocks, SAMPLE_TIME, end))

    @property
    def end(self) -> datetime:
        return SAMPLE_TIME + self.cycles * CYCLE

    def replayed(self, document: Mapping[str, Any]) -> Replay:
        rule = Judged(self.machine_id, compile_condition(document), Severity.HIGH, SAMPLE_TIME)
        return replay(rule, self.blocks, SAMPLE_TIME, self.end)


def row(name: str, histories: Sequence[History], document: Mapping[str, Any]) -> tuple[str, ...]:
    began = time.perf_counter()
    replays = [history.replayed(document) for history in histories]
    took = time.perf_counter() - began
    lasting = [
        (history.end - found.alerts[-1].raised_at) / CYCLE
        for history, found in zip(histories, replays, strict=True)
        if found.alerts and found.alerts[-1].resolved_at is None
    ]
    ended = sum(alert.resolved_at is not None for found in replays for alert in found.alerts)
    warned = (
        f"{statistics.median(lasting):.0f} ({min(lasting):.0f} to {max(lasting):.0f})" if lasting else "-"
    )
    return (
        name,
        f"{len(lasting)} of {len(histories)}",
        warned,
        f"{ended / len(histories):.2f}",
        f"{took / len(histories) * 1000:.1f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="the folder of the reference data sets")
    folder = parser.parse_args().data
    console = Console(width=120)
    for name in ("FD001", "FD002"):
        file, first = SETS[name]
        if not (folder / file).is_file():
            console.print(f"{name}: no {file} in {folder}")
            continue
        histories = [History.of(life) for life in lives(folder, file, first)]
        report = Table(title=f"{name}, baseline of {first} cycles", box=None)
        for heading in (
            "rule",
            "engines with an alert at their failure",
            "cycles before it: median (range)",
            "alerts that ended before, per engine",
            "ms per backtest",
        ):
            report.add_column(heading)
        for title, document in RULES.items():
            report.add_row(*row(title, histories, document))
        console.print(report)


if __name__ == "__main__":
    main()
