"""Reading and scoring a large file: the time, and the peak resident memory of a worker process.

`python -m bench.big_file [--gigabytes 0.3] [--formats csv csv.gz parquet]`. The size is that of the CSV text
(1,024 spectral bins per row); the other formats contain the same rows. The files are in a temporary folder,
which is deleted afterwards. As in a worker, chunks of samples are read and scored, their anomalies are
explained, and the scores and metadata of all samples are kept until the end. A baseline of the same file is
read into a spool and fitted.
"""

import argparse
import gzip
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as arrow_parquet
from rich.console import Console
from rich.table import Table

from bench.child import answer, measured, scratch
from bench.data import BINS, spectra
from services.analysis.engine import EngineConfig, SequenceState, fit_baseline, open_table
from services.analysis.jobs.reading import CHUNK_SAMPLES

FORMATS = ("csv", "csv.gz", "parquet")
BLOCK_ROWS = 1000
BASELINE_ROWS = 2000
CONFIG = EngineConfig(end_meta="machine")
NAMES = tuple(f"f_{place}" for place in range(BINS))


def block(first: int) -> pa.Table:
    """A thousand rows with the same spectra in every block, but with consecutive numbers."""
    values = np.round(spectra(BLOCK_ROWS, seed=7), 6)
    numbers = pa.array(range(first, first + BLOCK_ROWS))
    columns = {"sample": numbers, "machine": pa.array(["press 7"] * BLOCK_ROWS)}
    return pa.table(columns | dict(zip(NAMES, map(pa.array, values.T), strict=True)))


def write(path: Path, size: float) -> int:
    """Write rows whose CSV text has about `size` bytes, and return the number of rows."""
    table, sink = block(0), pa.BufferOutputStream()
    arrow_csv.write_csv(table, sink, arrow_csv.WriteOptions(include_header=False))
    text = sink.getvalue().to_pybytes()
    blocks = max(1, round(size / len(text)))
    if path.suffix == ".parquet":
        with arrow_parquet.ParquetWriter(path, table.schema) as writer:
            for _ in range(blocks):
                writer.write_table(table)
        return blocks * BLOCK_ROWS
    with gzip.open(path, "wb", 1) if path.suffix == ".gz" else path.open("wb") as file:
        file.write(",".join(table.column_names).encode() + b"\n")
        for _ in range(blocks):
            file.write(text)
    return blocks * BLOCK_ROWS


def score(path: Path) -> int:
    """Read and score a file as a monitoring run does, and return the number of samples."""
    model = fit_baseline(spectra(BASELINE_ROWS, seed=7), CONFIG, feature_names=NAMES)
    kept: list[Any] = []
    state: SequenceState | None = None
    with open_table(path, name=path.name, config=CONFIG, chunk_rows=CHUNK_SAMPLES) as reader:
        for chunk in reader:
            scores = model.score(chunk.features, state, first_row=chunk.first_row)
            state = scores.state
            kept.append((scores, chunk.metadata, model.explain(chunk.features[scores.anomaly])))
    return sum(len(metadata) for _, metadata, _ in kept)


def fit(path: Path) -> int:
    """Read a file into a spool and fit it as a baseline does, and return the number of samples."""
    with tempfile.TemporaryFile(dir=path.parent) as spool:
        rows = _spool(path, spool)
        x = np.memmap(spool, dtype=np.float64, mode="r", shape=(rows, BINS))
        model = fit_baseline(x, CONFIG, feature_names=NAMES)
    return model.report.samples


def _spool(path: Path, spool: BinaryIO) -> int:
    rows = 0
    with open_table(path, name=path.name, config=CONFIG, chunk_rows=CHUNK_SAMPLES) as reader:
        for chunk in reader:
            spool.write(np.ascontiguousarray(chunk.features).data)
            rows += len(chunk.metadata)
    spool.flush()
    return rows


WORK = {"score": score, "fit": fit}


def child(work: str, path: str) -> None:
    """Run one measurement and print its cost."""
    began = time.perf_counter()
    samples = WORK[work](Path(path))
    answer(seconds=time.perf_counter() - began, samples=samples)


def main() -> None:
    """Print the cost of each format."""
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gigabytes", type=float, default=0.3)
    parser.add_argument("--formats", nargs="+", choices=FORMATS, default=FORMATS)
    parser.add_argument("--work", nargs="+", choices=WORK, default=list(WORK))
    arguments = parser.parse_args()
    table = Table(title=f"{arguments.gigabytes:g} GB of text, {BINS:,} features; resident memory")
    for heading in ("format", "file GB", "rows", "work", "seconds", "peak GB"):
        table.add_column(heading, justify="left" if heading in ("format", "work") else "right")
    with scratch() as folder:
        for kind in arguments.formats:
            path = folder / f"big.{kind}"
            rows = write(path, arguments.gigabytes * 1e9)
            size = f"{path.stat().st_size / 1e9:.2f}"
            for work in arguments.work:
                result = measured("bench.big_file", (work, path)) or {}
                if result["samples"] != rows:
                    raise SystemExit(f"{kind}: {rows} rows were written and {result['samples']} read")
                table.add_row(
                    kind, size, f"{rows:,}", work, f"{result['seconds']:.1f}", f"{result['peak']:.2f}"
                )
            path.unlink()
    Console().print(table)


if __name__ == "__main__":
    main()
