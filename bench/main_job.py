"""The main job through the gateway, on a platform of its own: `python -m bench.main_job`.

Prints the time of each stage for a large baseline and monitoring run, and the latency from an upload's
first byte to its alert on the event stream for small files.
"""

import argparse
import json
import statistics
import threading
import time
from collections.abc import Iterator

import httpx2
from rich.console import Console
from rich.table import Table

from tests.e2e.plant import Plant
from tests.stack import Stack
from tests.support.tables import as_csv, spectra, with_fault

LARGE_ROWS = 2_000
SMALL_BASELINE_ROWS, SMALL_ROWS = 150, 20
REPEATS = 20
STREAM_TIMEOUT_SECONDS = 60


def large(plant: Plant, console: Console) -> None:
    """Upload a large baseline and a large monitoring run, and print the time of each stage."""
    machine = plant.machine()
    table = Table(title=f"{LARGE_ROWS:,} x 1,024 through the gateway, seconds")
    for heading in ("analysis", "file", "upload", "waiting", "reading", "computing", "storing", "whole"):
        table.add_column(heading, justify="right")
    baseline = as_csv(spectra(LARGE_ROWS, seed=1))
    monitoring = as_csv(with_fault(spectra(LARGE_ROWS, seed=2), LARGE_ROWS - 100))
    for kind, content in (("baseline", baseline), ("monitoring", monitoring)):
        began = time.perf_counter()
        analysis = plant.upload(machine, kind, (f"{kind}.csv", content))
        uploaded = time.perf_counter() - began
        timings = plant.completed(analysis)["results"]["timings"]
        whole = time.perf_counter() - began
        worked = sum(timings.values())
        computing = sum(timings.get(stage, 0.0) for stage in ("fitting", "scoring"))
        # A monitoring run cannot measure its last transaction, so `waiting` includes it.
        storing = timings.get("storing")
        seconds = (uploaded, whole - uploaded - worked, timings["reading"], computing, storing, whole)
        cells = ["" if value is None else f"{value:.2f}" for value in seconds]
        table.add_row(kind, f"{len(content) / 1e6:.0f} MB", *cells)
    console.print(table)


def events(response: httpx2.Response) -> Iterator[tuple[str, dict[str, object]]]:
    name = ""
    for line in response.iter_lines():
        key, _, value = line.partition(": ")
        if key == "event":
            name = value
        elif key == "data" and name:
            yield name, json.loads(value)["data"]


def latency(plant: Plant, gateway_url: str, console: Console) -> None:
    """Latencies from the first byte of an upload to `alert.raised` on the event stream, one machine each."""
    machines = [plant.machine(f"Rig {number}") for number in range(REPEATS)]
    baseline = as_csv(spectra(SMALL_BASELINE_ROWS, seed=3))
    for machine in machines:
        plant.rule(machine)
        plant.completed(plant.upload(machine, "baseline", ("normal.csv", baseline)))
    small = as_csv(with_fault(spectra(SMALL_ROWS, seed=4), 10))
    raised: dict[str, float] = {}
    connected, arrived = threading.Event(), threading.Condition()

    def listen() -> None:
        url = f"{gateway_url}/api/v1/stream?types=alert.raised"
        with httpx2.stream("GET", url, headers=plant.headers, timeout=STREAM_TIMEOUT_SECONDS) as response:
            connected.set()
            for _, data in events(response):
                with arrived:
                    raised[str(data["machine_id"])] = time.perf_counter()
                    arrived.notify()
                if len(raised) == REPEATS:
                    return

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    connected.wait(STREAM_TIMEOUT_SECONDS)
    taken = []
    for machine in machines:
        began = time.perf_counter()
        plant.upload(machine, "monitoring", ("today.csv", small))
        with arrived:
            while machine not in raised and arrived.wait(STREAM_TIMEOUT_SECONDS):
                pass
        taken.append(raised[machine] - began)
    cuts = statistics.quantiles(taken, n=20)
    table = Table(title=f"Upload to alert, {SMALL_ROWS} x 1,024, {REPEATS} files one by one, seconds")
    for heading in ("p50", "p95", "max"):
        table.add_column(heading, justify="right")
    table.add_row(*(f"{value:.2f}" for value in (cuts[9], cuts[18], max(taken))))
    console.print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=1)
    workers = parser.parse_args().workers
    console = Console()
    with Stack(workers=workers) as stack, Plant.joined(stack.gateway_url) as plant:
        large(plant, console)
        latency(plant, stack.gateway_url, console)


if __name__ == "__main__":
    main()
