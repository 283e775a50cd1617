"""Keeps one core busy until standard input ends: `python -m tests.flakes.busy`, by `busy_core`."""

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def busy_core() -> Iterator["subprocess.Popen[bytes]"]:
    """A process that computes beside the work. It ends with this one, however this one ends."""
    process = subprocess.Popen([sys.executable, "-m", "tests.flakes.busy"], stdin=subprocess.PIPE)
    with process:
        yield process


def compute() -> None:
    while True:
        pass


if __name__ == "__main__":
    threading.Thread(target=compute, daemon=True).start()
    sys.stdin.read()
