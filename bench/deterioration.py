"""Engines that run to failure (C-MAPSS FD001): wear, trend, and the time at which the health turns.

`python -m bench.deterioration [--data FOLDER]`. The first 30 cycles of each unit are its baseline. The rest
arrives in files of 20 cycles, and the health is assessed file by file, as in operation. An early warning is a
false alarm only if nothing was wrong yet, so the significance of the trend at that time is printed, too.
"""

import argparse
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.data import DATA, TURBOFAN, Floats, read
from services.analysis.engine import assess_health, deterioration, fit_baseline

BASELINE_CYCLES, FILE_CYCLES, LAST_CYCLES = 30, 20, 10


@dataclass(frozen=True)
class Life:
    """The observations of one unit."""

    cycles: int
    first_wear: float
    last_wear: float
    slope: float
    p_value: float
    significant: bool
    turned: int | None
    failing: int | None
    trend_from: int | None


def live(samples: Floats, names: tuple[str, ...]) -> Life:
    """Follow one unit through its life."""
    model = fit_baseline(samples[:BASELINE_CYCLES], TURBOFAN, feature_names=names)
    later = samples[BASELINE_CYCLES:]
    scores = model.score(later)
    positions = np.stack([scores.x, scores.y], axis=1)
    cycles = np.arange(BASELINE_CYCLES + 1, len(samples) + 1, dtype=np.float64)
    turned = failing = trend_from = None
    for start in range(0, len(later), FILE_CYCLES):
        rows = slice(start, start + FILE_CYCLES)
        wear = deterioration(
            cycles[rows], positions[rows], model.coordinates, failing=TURBOFAN.failing_wear
        ).latest
        state = assess_health(
            float(scores.anomaly[rows].mean()),
            wear,
            TURBOFAN,
            samples=len(cycles[rows]),
            baseline=model.report,
        ).state
        end = int(cycles[rows][-1])
        so_far = slice(0, rows.stop)
        trend = deterioration(
            cycles[so_far], positions[so_far], model.coordinates, failing=TURBOFAN.failing_wear
        ).trend
        rising = trend.significant and trend.slope > 0.0
        trend_from = end if trend_from is None and rising else trend_from
        turned = end if turned is None and state != "ok" else turned
        failing = end if failing is None and state == "failing" else failing
    whole = deterioration(cycles, positions, model.coordinates, failing=TURBOFAN.failing_wear)
    return Life(
        len(samples),
        float(whole.wear[:LAST_CYCLES].mean()),
        float(whole.wear[-LAST_CYCLES:].mean()),
        whole.trend.slope,
        whole.trend.p_value,
        whole.trend.significant and whole.trend.slope > 0.0,
        turned,
        failing,
        trend_from,
    )


def main() -> None:
    """Print the results of every unit, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help="folder of the reference data sets")
    folder = parser.parse_args().data
    console = Console()
    if not folder.is_dir():
        console.print(f"No reference data in {folder}: name their folder with --data.")
        return
    chunk, names = read(folder, "turbofan-units-001-050.csv", TURBOFAN)
    units = np.array([entry["unit"] for entry in chunk.metadata])
    lives = {int(unit): live(chunk.features[units == unit], names) for unit in np.unique(units)}
    table = Table(title="C-MAPSS FD001, wear in baseline standard deviations")
    headings = ("unit", "cycles", "first", "last", "slope", "p", "trend from", "not ok from", "failing from")
    for heading in headings:
        table.add_column(heading, justify="right")
    for unit, life in lives.items():
        figures = (life.cycles, f"{life.first_wear:.2f}", f"{life.last_wear:.2f}", f"{life.slope:.4f}")
        turns = (str(life.trend_from), str(life.turned), str(life.failing))
        table.add_row(str(unit), *map(str, figures), f"{life.p_value:.0e}", *turns)
    console.print(table)
    every = list(lives.values())
    console.print(
        f"last wear above the first: {sum(life.last_wear > life.first_wear for life in every)} of 50"
    )
    console.print(f"significant rising trend:  {sum(life.significant for life in every)} of 50")
    turned = [(life, life.turned) for life in every if life.turned is not None]
    console.print(
        f"health turned before the end: {sum(at < life.cycles for life, at in turned)} of {len(every)}"
    )
    early = [(life, at) for life, at in turned if at <= 0.5 * life.cycles]
    console.print(f"already in the first half of life: {len(early)}")
    unfounded = [life for life, at in turned if life.trend_from is None or life.trend_from > at]
    console.print(f"turned before the trend was significant: {len(unfounded)}")
    remaining = sorted(life.cycles - at for life, at in turned)
    console.print(f"cycles left when no longer ok: median {np.median(remaining):.0f}, most {max(remaining)}")
    left = [life.cycles - life.failing for life in every if life.failing is not None]
    console.print(f"cycles left when called failing: median {np.median(left):.0f}, least {min(left)}")


if __name__ == "__main__":
    main()
