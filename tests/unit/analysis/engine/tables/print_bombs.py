"""Prints what bombs and a million rows cost their reader.

`python -m tests.unit.analysis.engine.tables.print_bombs`. Time and peak memory are those of a process
that opens and reads the file.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np

from .test_bombs import BOMBS, HEADER, child
from .test_containers import parquet

MEBIBYTE = 1024
ROWS = 1_000_000
SENSORS = ("a", "c", "d", "e", "f", "g", "h", "b")


def tables() -> dict[str, bytes]:
    """Plain files to compare with: half a million rows of two sensors, and a million of eight."""
    values = np.random.default_rng(1).normal(50.0, 30.0, size=(ROWS, len(SENSORS))).round(6)
    head = ",".join(("m", *SENSORS))
    lines = [f"run 1,{','.join(map(str, row))}" for row in values.tolist()]
    columns = {"m": ["run 1"] * ROWS} | dict(zip(SENSORS, values.T, strict=True))
    return {
        "plain CSV: 500,000 rows of 2": HEADER + b"run 1,1.234567,2.345678\n" * 500_000,
        "plain CSV: 1,000,000 rows of 8": "\n".join([head, *lines, ""]).encode(),
        "Parquet: 1,000,000 rows of 8": parquet(columns),
    }


def main() -> None:
    sys.stdout.write("| file | size | seconds | peak | error |\n| --- | --- | --- | --- | --- |\n")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file"
        for name, make in ((name, bomb[0]) for name, bomb in BOMBS.items()):
            _row(name, make(), path)
        for name, content in tables().items():
            _row(name, content, path)


def _row(name: str, content: bytes, path: Path) -> None:
    path.write_bytes(content)
    found = child(path)
    error = f"`{found['code']}`" if found["code"] else f"none, {found['rows']:,} rows"
    peak = int(str(found["peak"])) // MEBIBYTE
    kibibytes = -(-len(content) // 1024)
    sys.stdout.write(f"| {name} | {kibibytes:,} KiB | {found['seconds']:.1f} | {peak:,} MiB | {error} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
