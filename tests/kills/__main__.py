"""Kills programs of a running platform with kill -9, again and again, while analyses flow through it.

Analyses are uploaded, and files appear in watched folders, some of them slowly. Prints how often each program
was killed, and how many analyses, watched files, anomaly events and alerts were lost or doubled. Ends with
status 1 when any was. The seed makes the choice of victims repeatable, not the timing.
"""

import argparse
import random
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.e2e.plant import Plant
from tests.e2e.test_faults import distinct, everything_counted
from tests.e2e.topics import read_published
from tests.kills.folders import Watched, watch
from tests.stack import FOR_MANY_CALLS, Stack
from tests.support.tables import as_csv, spectra, with_fault

KILLS = 120
# Workers hold leases in the middle of their work: they are what this is about.
VICTIMS = {
    "worker-1": 6,
    "worker-2": 6,
    "analysis": 3,
    "alerting": 3,
    "machines": 1,
    "auth": 1,
    "gateway": 1,
    "broker": 1,
    "postgres": 1,
}
SMALL_ROWS, LARGE_ROWS, FAULTY_ROWS = 30, 2_000, 10
MAX_UNENDED = 6
MAX_PAUSE_SECONDS = 1.5
MAX_END_SECONDS = 600.0
BASELINE = as_csv(spectra(150, seed=20))
TABLES = {
    rows: as_csv(with_fault(spectra(rows, seed=rows), rows - FAULTY_ROWS))
    for rows in (SMALL_ROWS, LARGE_ROWS)
}
# Killed workers' jobs are claimed again when their leases end: shorter leases, more kills an hour.
SETTINGS = {
    **FOR_MANY_CALLS,
    "DINSIGHT_ANALYSIS_LEASE_SECONDS": "6",
    "DINSIGHT_ANALYSIS_HEARTBEAT_SECONDS": "1",
}


@dataclass
class Load:
    """What was uploaded so far, and the folders that are watched meanwhile."""

    plant: Plant
    machine: str
    watched: Watched
    rng: random.Random
    analyses: list[str] = field(default_factory=list)
    ended: set[str] = field(default_factory=set)

    def unended(self, *others: str) -> list[str]:
        """The analyses, and those others, that have not ended yet."""
        analyses = [*self.analyses, *others]
        for analysis in [analysis for analysis in analyses if analysis not in self.ended]:
            if self.plant.get(f"/analyses/{analysis}")["status"] in ("completed", "failed"):
                self.ended.add(analysis)
        return [analysis for analysis in analyses if analysis not in self.ended]

    def fill(self) -> None:
        """Upload until enough analyses are under way."""
        for _ in range(MAX_UNENDED - len(self.unended())):
            if self.rng.random() < 0.15:
                content, kind = BASELINE, "baseline"
            else:
                content, kind = TABLES[self.rng.choice((SMALL_ROWS, LARGE_ROWS))], "monitoring"
            self.analyses.append(self.plant.upload(self.machine, kind, ("samples.csv", content)))


def kill_again_and_again(stack: Stack, load: Load, kills: int) -> Counter[str]:
    killed: Counter[str] = Counter()
    for _ in range(kills):
        load.fill()
        time.sleep(load.rng.uniform(0.0, MAX_PAUSE_SECONDS))
        [victim] = load.rng.choices(list(VICTIMS), list(VICTIMS.values()))
        stack.kill(victim)
        killed[victim] += 1
        if not victim.startswith("worker"):
            stack.wait_ready()
    stack.wait_ready()
    return killed


def settle(load: Load) -> None:
    """Wait for the end of every analysis, and until alerting has counted every anomaly."""
    ends_at = time.monotonic() + MAX_END_SECONDS
    while not settled(load):
        if time.monotonic() > ends_at:
            return
        time.sleep(0.5)


def settled(load: Load) -> bool:
    runs = load.watched.runs()
    return (
        load.watched.settled(runs)
        and not load.unended(*(run.analysis for run in runs))
        and everything_counted(load.plant, load.machine, load.analyses)
    )


def judge(stack: Stack, load: Load) -> list[tuple[str, int, int, int]]:
    """Name, count, lost and doubled of everything that must be there exactly once."""
    topics = ("analysis.completed", "analysis.failed", "anomaly.detected", "alert.raised")
    records = read_published(stack, *topics)
    ends = Counter(
        payload["analysis_id"]
        for topic in ("analysis.completed", "analysis.failed")
        for payload in distinct(records, topic)
    )
    analyses = [*load.analyses, *(run.analysis for run in load.watched.runs())]
    told = Counter(payload["anomaly_id"] for payload in distinct(records, "anomaly.detected"))
    # Runs of watched files have anomalies, too; the alert counts those of the machine that has the rule.
    stored = [
        anomaly["id"] for id_ in load.analyses for anomaly in load.plant.all("/anomalies", analysis_id=id_)
    ]
    elsewhere = {
        payload["anomaly_id"]
        for payload in distinct(records, "anomaly.detected")
        if payload["machine_id"] != load.machine
    }
    [alert] = load.plant.alerts(load.machine)
    raised = sum(payload["machine_id"] == load.machine for payload in distinct(records, "alert.raised"))
    return [
        (
            "ends of analyses",
            len(analyses),
            sum(ends[id_] == 0 for id_ in analyses),
            sum(ends[id_] > 1 for id_ in analyses),
        ),
        *load.watched.judge(),
        (
            "events of anomalies",
            len(stored),
            sum(told[id_] == 0 for id_ in stored),
            sum(told[id_] > 1 for id_ in stored) + len(told.keys() - elsewhere - set(stored)),
        ),
        (
            "anomalies counted by the alert",
            len(stored),
            max(0, len(stored) - alert["count"]),
            max(0, alert["count"] - len(stored)),
        ),
        ("alerts raised", 1, int(raised == 0), max(0, raised - 1)),
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    options = parser.parse_args()
    console, rng = Console(width=110), random.Random(options.seed)
    with (
        tempfile.TemporaryDirectory(prefix="dinsight-kills-") as root,
        Stack(workers=2, settings=SETTINGS | {"DINSIGHT_ANALYSIS_SOURCES_FOLDER": root}) as stack,
        Plant.joined(stack.gateway_url) as plant,
    ):
        machine = plant.machine()
        plant.rule(machine)
        plant.completed(plant.upload(machine, "baseline", ("normal.csv", BASELINE)))
        watched = watch(plant, stack.admin_dsn, Path(root), BASELINE, rng)
        load = Load(plant, machine, watched, rng)
        began = time.monotonic()
        with watched.filling():
            killed = kill_again_and_again(stack, load, options.kills)
        settle(load)
        findings = judge(stack, load)
        failed = len(plant.all("/analyses", status="failed"))
        took = time.monotonic() - began
    each = ", ".join(f"{name} {count}" for name, count in sorted(killed.items()))
    console.print(f"{killed.total()} kills in {took:.0f} s (seed {options.seed}): {each}")
    # Its workers were killed three times in a row: then a file counts as what kills them.
    console.print(f"{failed} of the analyses ended as failed")
    report = Table("", "count", "lost", "doubled")
    for name, count, lost, doubled in findings:
        report.add_row(name, str(count), str(lost), str(doubled))
    console.print(report)
    return int(any(lost or doubled for _, _, lost, doubled in findings))


if __name__ == "__main__":
    sys.exit(main())
