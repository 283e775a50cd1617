"""A large monitoring run through the gateway, with one and with two workers: `python -m bench.scaling`.

Every stage is first measured alone, and the whole run is compared with the slowest stage. Stages and workers
use one thread each, so that a second worker means a second core.
"""

import argparse
import asyncio
import io
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import uuid4

import numpy as np
import psutil
from rich.console import Console
from rich.table import Table

from services.analysis.database.results import FeatureChunk
from services.analysis.database.unit import PostgresUnits
from services.analysis.engine import BaselineModel, Chunk, EngineConfig, fit_baseline, open_table
from services.analysis.jobs.reading import CHUNK_SAMPLES
from shared.access import Scope
from shared.clock import SystemClock
from shared.postgres.connection import Database
from shared.postgres.queries import load_queries
from tests.e2e.plant import Plant
from tests.stack import Stack
from tests.support.tables import as_csv, spectra, with_fault

BASELINE_ROWS = 2_000
ONE_THREAD = {name: "1" for name in ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}
WORKERS = (1, 2)
MAX_SECONDS = 900.0

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Run:
    """Seconds from the first byte of the upload to its response and to the end, and CPU time per program."""

    upload: float
    whole: float
    processor: dict[str, float]


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """The duration of `work` in seconds, and its result."""
    began = time.perf_counter()
    result = work()
    return time.perf_counter() - began, result


def parse(table: bytes) -> list[Chunk]:
    """All chunks of a table."""
    reader = open_table(io.BytesIO(table), name="t.csv", config=EngineConfig(), chunk_rows=CHUNK_SAMPLES)
    return list(reader)


def score(model: BaselineModel, chunks: Sequence[Chunk]) -> int:
    """Score all chunks, explain their anomalies, and return the number of anomalies."""
    found = 0
    for chunk in chunks:
        places = np.flatnonzero(model.score(chunk.features).anomaly)
        found += len(model.explain(chunk.features[places])) if places.size else 0
    return found


async def store(dsn: str, chunks: Sequence[Chunk]) -> float:
    """Seconds to store the features on the same server, as the worker does it."""
    organization, upload = uuid4(), uuid4()
    queries = load_queries(PostgresUnits.__init__.__code__.co_filename)
    async with Database(dsn, service="analysis", pool_size=2) as database:
        units = PostgresUnits(database, SystemClock(), uuid4)
        scope = Scope(organization_id=organization)
        async with database.transaction(scope) as connection:
            now = datetime.now(UTC)
            await queries.insert_upload(
                connection,
                id=upload,
                organization_id=organization,
                original_filename="t.csv",
                file_size=0,
                file_path=None,
                status="pending",
                merged_files=[],
                created_at=now,
                updated_at=now,
            )
        began = time.perf_counter()
        first = 0
        for chunk in chunks:
            rows = FeatureChunk(uuid4(), organization, upload, first, first, chunk.features, chunk.metadata)
            async with units(scope) as unit:
                await unit.results.add_features(rows.encode())
            first += len(chunk.features)
        took = time.perf_counter() - began
        async with database.transaction(scope) as connection:
            await queries.delete_features(connection, ids=[upload])
            await queries.delete_uploads(connection, ids=[upload])
    return took


def processor(stack: Stack) -> dict[str, float]:
    """CPU seconds of each program of the platform, including its children."""
    seconds = {}
    for program in stack.state().programs:
        first = psutil.Process(stack.process(program.name).pid)
        times = [process.cpu_times() for process in (first, *first.children(recursive=True))]
        # Ended children, such as a connection of PostgreSQL, are included in their parent's time.
        ended = times[0].children_user + times[0].children_system
        seconds[program.name] = ended + sum(each.user + each.system for each in times)
    return seconds


def run(stack: Stack, plant: Plant, machine: str, table: bytes) -> Run:
    before = processor(stack)
    began = time.perf_counter()
    analysis = plant.upload(machine, "monitoring", ("today.csv", table))
    uploaded = time.perf_counter() - began
    done = plant.completed(analysis, seconds=MAX_SECONDS)
    assert done["status"] == "completed"
    whole = time.perf_counter() - began
    return Run(uploaded, whole, {name: spent - before[name] for name, spent in processor(stack).items()})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=20_000)
    rows = parser.parse_args().rows
    if any(os.environ.get(name) != value for name, value in ONE_THREAD.items()):
        # The libraries read these variables when they are loaded.
        again = [sys.executable, "-m", "bench.scaling", "--rows", str(rows)]
        os.execve(sys.executable, again, {**os.environ, **ONE_THREAD})  # noqa: S606 - this program
    console = Console()
    normal = spectra(BASELINE_ROWS, seed=1)
    baseline, table = as_csv(normal), as_csv(with_fault(spectra(rows, seed=2), rows - rows // 100))
    names = [f"f_{number}" for number in range(normal.shape[1])]
    # As it is read: with the digits of the file, like the samples that follow.
    learned = np.concatenate([chunk.features for chunk in parse(baseline)])
    model = fit_baseline(learned, EngineConfig(), feature_names=names)
    score(model, parse(baseline)[:1])  # for just-in-time compilation
    parsing, chunks = timed(lambda: parse(table))
    scoring, _ = timed(lambda: score(model, chunks))
    runs: dict[int, Run] = {}
    storing = 0.0
    for workers in WORKERS:
        with Stack(workers=workers, settings=ONE_THREAD) as stack, Plant.joined(stack.gateway_url) as plant:
            if not storing:
                storing = asyncio.run(store(stack.env["DINSIGHT_ANALYSIS_DATABASE_URL"], chunks))
            machine = plant.machine()
            plant.completed(plant.upload(machine, "baseline", ("normal.csv", baseline)))
            run(stack, plant, machine, baseline)  # so that every worker has loaded the model and its code
            runs[workers] = run(stack, plant, machine, table)
    alone = {"upload": runs[1].upload, "parse": parsing, "store": storing, "score": scoring}
    slowest = max(alone.values())
    report = Table(title=f"{rows:,} x 1,024 ({len(table) / 1e6:.0f} MB), seconds; stages measured alone")
    for heading in (*alone, "whole, 1 worker", "whole, 2 workers", "speed-up", "to slowest stage"):
        report.add_column(heading, justify="right")
    whole = [runs[workers].whole for workers in WORKERS]
    cells = [*alone.values(), *whole, whole[0] / whole[1], whole[1] / slowest]
    report.add_row(*(f"{value:.2f}" for value in cells))
    console.print(report)
    for workers, each in runs.items():
        spent = ", ".join(
            f"{name} {seconds:.1f}" for name, seconds in each.processor.items() if seconds > 0.2
        )
        total = sum(each.processor.values())
        console.print(f"processor seconds with {workers}: {total:.1f} within {each.whole:.1f}: {spent}")


if __name__ == "__main__":
    main()
