"""Whether a small upload of one organization waits for a large job of another.

A run of 40 rows is timed alone, during a monitoring run of 150,000 rows, and during the fit of a large
baseline, with one worker and with two. The large job is timed alone and together with small runs, too, which
shows the cost of fairness. Each ratio comes from a single run of this program.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from rich.console import Console
from rich.table import Table

from tests.e2e.plant import Plant
from tests.stack import FOR_MANY_CALLS, Stack
from tests.support.tables import as_csv, spectra

NARROW, WIDE = 8, 1024
SMALL_ROWS = 40
RUN_ROWS, FIT_ROWS = 150_000, 6_000
ALONE_RUNS = 7
WORKERS = (1, 2)
MAX_SECONDS = 900.0
POLL_SECONDS = 0.01
NAMES = [f"f_{number}" for number in range(NARROW)]


class Organization:
    """An organization with a machine and a baseline of eight features."""

    def __init__(self, plant: Plant) -> None:
        self._plant = plant
        self._config = plant.post(
            "/configs", {"end_meta": "participant", "start_dim": "f_0", "end_dim": "f_7"}
        )
        self.machine = plant.machine()
        normal = as_csv(spectra(400, seed=1, features=NARROW), names=NAMES)
        plant.completed(self.submit("baseline", normal))

    def submit(self, kind: str, table: bytes, *, narrow: bool = True) -> str:
        config = {"config_id": str(self._config["id"])} if narrow else {}
        return self._plant.upload(self.machine, kind, ("table.csv", table), **config)

    def status(self, analysis: str) -> str:
        return str(self._plant.get(f"/analyses/{analysis}")["status"])

    def wait(self, analysis: str) -> None:
        ends_at = time.monotonic() + MAX_SECONDS
        while (status := self.status(analysis)) != "completed":
            if status == "failed" or time.monotonic() > ends_at:
                raise RuntimeError(f"analysis {analysis} is {status}")
            time.sleep(POLL_SECONDS)

    def timed(self, table: bytes) -> float:
        """Seconds from the upload of a monitoring run to its completion."""
        began = time.perf_counter()
        self.wait(self.submit("monitoring", table))
        return time.perf_counter() - began


def beside(
    large: Organization, submit: Callable[[], str], small: Organization, table: bytes
) -> tuple[float, list[float], float]:
    """Seconds of the large job alone, of the small runs during it, and of the large job with small runs."""
    began = time.perf_counter()
    large.wait(submit())
    alone = time.perf_counter() - began
    began = time.perf_counter()
    analysis = submit()
    runs = []
    while large.status(analysis) != "completed":
        runs.append(small.timed(table))
    return alone, runs, time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=RUN_ROWS, help="rows of the large monitoring run")
    parser.add_argument(
        "--fit-rows", type=int, default=FIT_ROWS, help="rows (of 1,024) of the large baseline"
    )
    options = parser.parse_args()
    small_table = as_csv(spectra(SMALL_ROWS, seed=2, features=NARROW), names=NAMES)
    long_table = as_csv(spectra(options.rows, seed=3, features=NARROW), names=NAMES)
    wide_table = as_csv(spectra(options.fit_rows, seed=4, features=WIDE))
    report = Table(title=f"A run of {SMALL_ROWS} rows beside another organization's large work, seconds")
    for heading in (
        "workers",
        "large work",
        "alone",
        "beside: median",
        "worst",
        "ratio of medians",
        "together / one after the other",
    ):
        report.add_column(heading, justify="right")
    for workers in WORKERS:
        with ExitStack() as stack:
            running = stack.enter_context(Stack(workers=workers, settings=FOR_MANY_CALLS))
            large, small = (
                Organization(stack.enter_context(Plant.joined(running.gateway_url))) for _ in range(2)
            )
            small.timed(small_table)
            alone = statistics.median(small.timed(small_table) for _ in range(ALONE_RUNS))
            run = partial(large.submit, "monitoring", long_table)
            fit = partial(large.submit, "baseline", wide_table, narrow=False)
            works = {f"run of {options.rows:,} x {NARROW}": run, f"fit of {options.fit_rows:,} x {WIDE}": fit}
            for name, submit in works.items():
                before, runs, after = beside(large, submit, small, small_table)
                # Below 1, both together take less time than one after the other: nothing is lost.
                together = after / (before + alone * len(runs))
                median = statistics.median(runs)
                report.add_row(
                    str(workers),
                    name,
                    f"{alone:.2f}",
                    f"{median:.2f}",
                    f"{max(runs):.2f}",
                    f"{median / alone:.1f}",
                    f"{together:.2f} ({before:.1f} s and {len(runs)} small runs)",
                )
    Console(width=140).print(report)


if __name__ == "__main__":
    main()
