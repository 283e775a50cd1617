"""Prints the verdict's benchmark: reference sets beside rivals, the promise, planted suites.

`python -m bench.verdict [--data FOLDER] [--only NAME ...]`. Defaults only; nothing is tuned per set.
"""

import argparse
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.data import DATA
from bench.verdict.causes import hits
from bench.verdict.measures import Figures, Promise, interval, kept_share, measure, memory
from bench.verdict.methods import RIVALS, Verdict, engine, rival
from bench.verdict.planted import suites
from bench.verdict.sets import CHOOSE, CONFIRM, Case, cases
from services.analysis.engine import EngineConfig
from services.analysis.engine.config import DETECTORS

OURS = "DInsight"
WEIGHTS = (None, 0.2)
WIDTH = 150
# How much a rival's average precision may exceed ours.
TOLERANCE = 0.01


def sets(found: Sequence[Case], console: Console) -> None:
    """Print what every method finds in every set, and where a rival ranks better."""
    table = Table(title="Reference sets, defaults: average precision / F1")
    figures_table = Table(title=f"{OURS} in detail")
    for heading in ("set", "half", OURS, *RIVALS):
        table.add_column(heading, justify="left" if heading in ("set", "half") else "right")
    details = (
        "set",
        "n x d",
        "false alarms",
        "95 %",
        "promised",
        "events",
        "delay",
        "episodes/1,000",
        "fit s",
        "score s",
    )
    for heading in details:
        figures_table.add_column(heading, justify="left" if heading == "set" else "right")
    lost: dict[str, list[str]] = defaultdict(list)
    for case in found:
        ours = engine(case, EngineConfig())
        figures = {OURS: measure(case, ours.ratio)}
        for name, fit in RIVALS.items():
            figures[name] = measure(case, rival(case, fit).ratio)
        table.add_row(case.name, case.half, *(_quality(each) for each in figures.values()))
        figures_table.add_row(case.name, *_detail(case, ours, figures[OURS]))
        best = max(each.precision for name, each in figures.items() if name != OURS)
        if best > figures[OURS].precision + TOLERANCE:
            lost[case.half].append(case.name)
    console.print(table)
    for half in (CHOOSE, CONFIRM):
        names = ", ".join(lost[half]) or "none"
        console.print(f"Average precision lost to a rival by more than {TOLERANCE}, {half}: {names}")
    console.print(figures_table)


def _quality(figures: Figures) -> str:
    return "" if np.isnan(figures.precision) else f"{figures.precision:.3f} / {figures.f1:.3f}"


def _detail(case: Case, verdict: Verdict, figures: Figures) -> list[str]:
    n, d = case.baseline.shape
    low, high = figures.interval
    return [
        f"{n:,} x {d}",
        f"{figures.false_alarms:.2%}",
        f"{low:.2%} to {high:.2%}",
        f"{verdict.promised:.2%}",
        "" if np.isnan(figures.found) else f"{figures.found:.0%}",
        "" if np.isnan(figures.delay) else f"{figures.delay:.0f}",
        f"{figures.episodes:.1f}",
        f"{verdict.fit_seconds:.2f}",
        f"{verdict.score_seconds:.2f}",
    ]


def promises(found: Sequence[Case], console: Console) -> None:
    """Print how many promised rates of false alarms are kept on both sides, for every detector and rate."""
    table = Table(title="The promise, on normal samples before any fault")
    for heading in ("detector", "kept", "decidable", "too many", "too few", "undecidable", "median width"):
        table.add_column(heading, justify="left" if heading == "detector" else "right")
    every: dict[str, list[Promise]] = defaultdict(list)
    for case in found:
        normal, lag = case.before_faults, memory(case.baseline)
        for detector in DETECTORS:
            for weight in WEIGHTS:
                verdict = engine(case, EngineConfig(detector=detector, ewma=weight))
                for rate, ratio in {verdict.promised: verdict.ratio, **verdict.others}.items():
                    alarm = ratio[normal] > 1.0
                    bounds = interval(alarm, lag)
                    promise = Promise(rate, float(alarm.mean()), bounds, int(normal.sum()))
                    asked = "default rate" if rate == verdict.promised else f"rate {rate:.0%}"
                    for half in (case.half, "all"):
                        every[f"{detector} {'raw' if weight is None else weight}, {half}"].append(promise)
                        every[f"every detector, {asked}, {half}"].append(promise)
                        every[f"every detector and rate, {half}"].append(promise)
    for name, made in sorted(every.items()):
        kept, decidable = kept_share(made)
        broken = [promise for promise in made if promise.decidable and not promise.kept]
        high = sum(promise.realised > promise.promised for promise in broken)
        width = float(np.median([promise.interval[1] - promise.interval[0] for promise in made]))
        counts = (kept, decidable, high, len(broken) - high, len(made) - decidable)
        table.add_row(name, *map(str, counts), f"{width:.2%}")
    console.print(table)


def causes(found: Sequence[Case], folder: Path, console: Console) -> None:
    """Print how often explanations name the sensors at fault, beside the largest deviations."""
    table = Table(title="Right among the leading features (as many as are faulty, at most three)")
    for heading in ("set", "samples", "explanation", "largest |z|"):
        table.add_column(heading, justify="left" if heading == "set" else "right")
    for case in found:
        for each in hits(case, folder):
            table.add_row(each.name, str(each.samples), f"{each.explained:.1%}", f"{each.largest:.1%}")
    console.print(table)


def planted(console: Console) -> None:
    """Print what is found of planted faults."""
    table = Table(title="Planted faults, defaults")
    for heading in ("suite", "found", "false alarms", "right features lead"):
        table.add_column(heading, justify="left" if heading == "suite" else "right")
    for suite in suites():
        named = "" if np.isnan(suite.named) else f"{suite.named:.0%}"
        found = "" if np.isnan(suite.found) else f"{suite.found:.1%}"
        table.add_row(suite.name, found, f"{suite.false_alarms:.2%}", named)
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the reference data sets")
    parser.add_argument("--only", nargs="*", help="names of sets")
    options = parser.parse_args()
    console = Console(width=WIDTH)
    found = [case for case in cases(options.data) if not options.only or case.name in options.only]
    if found:
        sets(found, console)
        promises(found, console)
        causes(found, options.data, console)
    else:
        console.print(f"No reference data in {options.data}: name their folder with --data.")
    planted(console)


if __name__ == "__main__":
    main()
