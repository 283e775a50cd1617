"""Large baselines compared with UMAP, each in a separate process: time and peak resident memory.

`python -m bench.large_maps [--rows 50000 100000] [--patience 6]`. The spectra are in a temporary file that is
mapped into memory, as in a worker; mapped pages count as resident. UMAP is stopped after `patience` times the
duration of the whole baseline, and the table then shows that as a lower bound. `times the first` is the ratio
to the wall time of the first method.
"""

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.child import answer, measured, scratch
from bench.data import BINS, Floats, spectra
from bench.maps import NAMES, WARM_UP_ROWS, dinsight, dinsight_whole, umap
from services.analysis.engine import EngineConfig

METHODS = {"map": dinsight(EngineConfig()), "baseline": dinsight_whole, "umap": umap}
TITLES = {"map": "DInsight, map", "baseline": "DInsight, whole baseline", "umap": "UMAP"}
PART = 1000


def write(path: Path, rows: int) -> None:
    """Write spectra to a file in parts."""
    with path.open("wb") as file:
        for seed, first in enumerate(range(0, rows, PART), start=1):
            file.write(spectra(min(PART, rows - first), seed=seed).data)


def child(method: str, path: str, rows: int) -> None:
    """Fit once, after a small run for just-in-time compilation, and print the cost."""
    fit = METHODS[method]
    fit(spectra(WARM_UP_ROWS))
    x: Floats = np.memmap(path, dtype=np.float64, mode="r", shape=(rows, BINS))
    wall, processor = time.perf_counter(), time.process_time()
    fit(x)
    answer(seconds=time.perf_counter() - wall, processor=time.process_time() - processor)


def compare(rows: int, methods: Sequence[str], patience: float, console: Console) -> None:
    """Print the table for one number of rows."""
    table = Table(title=f"{rows:,} x {len(NAMES):,}; seconds wall (processor), resident memory")
    for heading in ("method", "fit", "times the first", "peak GB"):
        table.add_column(heading, justify="left" if heading == "method" else "right")
    with scratch() as folder:
        path = folder / "spectra"
        write(path, rows)
        first = longest = 0.0
        for method in methods:
            limit = patience * longest if method == "umap" and longest else None
            result = measured("bench.large_maps", (method, path, rows), limit)
            if result is None:
                given_up = limit or 0.0
                table.add_row(TITLES[method], f"> {given_up:.0f}", f"> {given_up / first:.1f}", "")
                continue
            first, longest = first or result["seconds"], max(longest, result["seconds"])
            table.add_row(
                TITLES[method],
                f"{result['seconds']:.1f} ({result['processor']:.1f})",
                f"{result['seconds'] / first:.1f}",
                f"{result['peak']:.2f}",
            )
    console.print(table)


def main() -> None:
    """Print a table for each number of rows."""
    if sys.argv[1:2] == ["--child"]:
        method, path, rows = sys.argv[2:]
        child(method, path, int(rows))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[50_000, 100_000])
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--patience", type=float, default=6.0)
    arguments = parser.parse_args()
    for rows in arguments.rows:
        compare(rows, arguments.methods, arguments.patience, Console())


if __name__ == "__main__":
    main()
