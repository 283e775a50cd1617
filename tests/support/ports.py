"""Ports for the servers of tests."""

import fcntl
import os
import random
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tools.local.ports import HOST, free_port

_LOCKS = Path(tempfile.gettempdir()) / f"dinsight-test-ports-{os.getuid()}"
# Held until this process ends; the kernel releases them however it ends.
_held: list[int] = []


def reserve_port() -> int:
    """A free port that no other test run on this machine gets while this process lives.

    A port that was only looked at may be taken by the time its server starts; a second test run beside this
    one looks for ports at the same time.
    """
    _LOCKS.mkdir(exist_ok=True)
    rng = random.Random()
    while True:
        port = free_port(rng)
        lock = os.open(_LOCKS / str(port), os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(lock)
            continue
        _held.append(lock)
        return port


@contextmanager
def refusing_port() -> Iterator[int]:
    """A port that refuses every connection: bound, so that nobody else takes it, but not listened on."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]
