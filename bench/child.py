"""Runs one measurement in a process of its own, so that the memory it held is its own too."""

import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Linux counts in KiB.
KIBIBYTES_PER_GIGABYTE = 10**9 / 1024


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on disk for files of gigabytes, deleted afterwards."""
    with tempfile.TemporaryDirectory(prefix="dinsight-bench-") as folder:
        yield Path(folder)


def measured(
    module: str, arguments: Sequence[object], patience: float | None = None
) -> dict[str, Any] | None:
    """What `python -m module --child arguments` answered; None if it took longer than `patience` seconds."""
    command = [sys.executable, "-m", module, "--child", *map(str, arguments)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=patience, check=True)  # noqa: S603
    except subprocess.TimeoutExpired:
        return None
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def answer(**values: object) -> None:
    """Print a child's answer, with the most memory that it held resident (gigabytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_PER_GIGABYTE
    sys.stdout.write(json.dumps({**values, "peak": peak}) + os.linesep)
