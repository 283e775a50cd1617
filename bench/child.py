"""Runs a measurement in a separate process, so that its memory can be measured."""

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

# Linux reports KiB.
KIBIBYTES_PER_GIGABYTE = 10**9 / 1024


@contextmanager
def scratch() -> Iterator[Path]:
    """A temporary folder on disk for files of several gigabytes."""
    with tempfile.TemporaryDirectory(prefix="dinsight-bench-") as folder:
        yield Path(folder)


def measured(
    module: str, arguments: Sequence[object], patience: float | None = None
) -> dict[str, Any] | None:
    """The output of `python -m module --child arguments`, or None after `patience` seconds."""
    command = [sys.executable, "-m", module, "--child", *map(str, arguments)]
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, timeout=patience, check=True)  # noqa: S603
    except subprocess.TimeoutExpired:
        return None
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def answer(**values: object) -> None:
    """Print the result of a child, with its peak resident memory (gigabytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / KIBIBYTES_PER_GIGABYTE
    sys.stdout.write(json.dumps({**values, "peak": peak}) + os.linesep)
