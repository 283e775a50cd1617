"""Detection on the Tennessee Eastman process, false alarms through warm-up and load changes, explanations.

`python -m bench.detection [--data FOLDER]`. `tep-normal.csv` (500 samples) is the baseline, false alarms are
counted in `tep-normal-test.csv`, and each fault file is faulty from sample 160 on. No parameter is tuned.
"""

import argparse
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.data import BINS, DATA, TENNESSEE, Floats, read, spectra
from services.analysis.engine import BaselineModel, EngineConfig, fit_baseline
from services.analysis.engine.config import DETECTORS

FAULTS = (1, 4, 5, 10, 13)
FAULTY_FROM = 160
WEIGHTS = (None, 0.5, 0.2)
EXPLAINED = 500
WIDTH = 130

# Chiang, Russell and Braatz, Fault Detection and Diagnosis in Industrial Systems (2001): missed detections
# with thresholds set to 1 % false alarms on the normal test data.
PUBLISHED = {
    "PCA T2 (published)": (0.008, 0.956, 0.775, 0.666, 0.060),
    "PCA Q (published)": (0.003, 0.038, 0.746, 0.659, 0.045),
}


def missed(model: BaselineModel, samples: Floats) -> float:
    """The share of faulty samples that are not detected as anomalies."""
    return 1.0 - float(model.score(samples).anomaly[FAULTY_FROM:].mean())


def tennessee(folder: Path, console: Console) -> None:
    """Print the missed detections and false alarms of every detector."""
    normal, names = read(folder, "tep-normal.csv", TENNESSEE)
    test, _ = read(folder, "tep-normal-test.csv", TENNESSEE)
    faulty = [read(folder, f"tep-fault-{fault:02d}.csv", TENNESSEE)[0].features for fault in FAULTS]
    table = Table(title="Tennessee Eastman: missed detections (first row: the defaults)")
    headings = (
        "detector",
        *(f"fault {fault}" for fault in FAULTS),
        "mean",
        "false alarms",
        "promised",
        "fit s",
    )
    for heading in headings:
        table.add_column(heading, justify="left" if heading == "detector" else "right")
    for detector in DETECTORS:
        for weight in WEIGHTS:
            config = replace(TENNESSEE, detector=detector, ewma=weight)
            began = time.perf_counter()
            model = fit_baseline(normal.features, config, feature_names=names)
            seconds = time.perf_counter() - began
            rates = [missed(model, samples) for samples in faulty]
            alarms = float(model.score(test.features).anomaly.mean())
            table.add_row(
                f"{detector} {'raw' if weight is None else f'MEWMA {weight}'}",
                *(f"{rate:.3f}" for rate in rates),
                f"{np.mean(rates):.3f}",
                f"{alarms:.2%}",
                f"<= {model.report.false_alarms_bound:.1%}",
                f"{seconds:.2f}",
            )
    for name, published in PUBLISHED.items():
        table.add_row(
            name, *(f"{rate:.3f}" for rate in published), f"{np.mean(published):.3f}", "1.00%", "", ""
        )
    console.print(table)


def duty(samples: int, seed: int) -> Floats:
    """A machine that warms up for 200 samples after each start, and whose load changes in steps."""
    generator = np.random.default_rng(seed)
    since_start = np.arange(samples) % 1500
    warmth = 1.0 - np.exp(-since_start / 200.0)
    load = np.repeat(generator.choice([0.4, 0.7, 1.0], samples // 100 + 1), 100)[:samples]
    slow = np.convolve(generator.standard_normal(samples + 199), np.full(200, 1.0 / 200.0), mode="valid")
    gains = np.random.default_rng(0).standard_normal((3, 12))
    sensors = np.stack([warmth, load, slow], axis=1) @ gains
    return np.asarray(sensors + 0.05 * generator.standard_normal((samples, 12)))


def duty_cycles(console: Console) -> None:
    """Print false alarms on sequences with warm-up and load changes, and the rate in the report."""
    table = Table(title="Warm-up and load changes: false alarms on ten further sequences")
    for heading in ("detector", "expected", "promised", "mean", "worst"):
        table.add_column(heading, justify="left" if heading == "detector" else "right")
    names = [f"sensor {letter}" for letter in "abcdefghijkl"]
    for detector in DETECTORS:
        for weight in WEIGHTS:
            config = EngineConfig(detector=detector, ewma=weight)
            model = fit_baseline(duty(3000, 1), config, feature_names=names)
            alarms = [float(model.score(duty(3000, seed)).anomaly.mean()) for seed in range(2, 12)]
            table.add_row(
                f"{detector} {'raw' if weight is None else f'MEWMA {weight}'}",
                f"{model.report.expected_false_alarms:.2%}",
                f"<= {model.report.false_alarms_bound:.2%}",
                f"{np.mean(alarms):.2%}",
                f"{max(alarms):.2%}",
            )
    console.print(table)


def explanations(console: Console) -> None:
    """Print the cost of scoring with explanations of every sample, and of one sample in twenty."""
    model = fit_baseline(spectra(2000), EngineConfig(), feature_names=[f"f_{place}" for place in range(BINS)])
    samples = spectra(EXPLAINED, seed=2)
    samples[:, 300:310] += 0.5
    samples = np.ascontiguousarray(samples)
    scoring = best(lambda: model.score(samples))
    every = best(lambda: model.explain(samples))
    few = best(lambda: model.explain(samples[::20]))
    console.print(
        f"{EXPLAINED} spectra of {BINS:,} bins: scoring {scoring * 1e3:.0f} ms; explaining all of them "
        f"{every / scoring:.0%} of that, one in twenty {few / scoring:.1%}"
    )


def best(work: Callable[[], Any]) -> float:
    """The wall time of the fastest run, in seconds."""
    taken = []
    for _ in range(7):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return min(taken)


def main() -> None:
    """Print all results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the reference data sets")
    folder = parser.parse_args().data
    console = Console(width=WIDTH)
    if folder.is_dir():
        tennessee(folder, console)
    else:
        console.print(f"No reference data in {folder}: name their folder with --data.")
    duty_cycles(console)
    explanations(console)


if __name__ == "__main__":
    main()
