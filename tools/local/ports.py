"""Choosing and checking loopback ports."""

from __future__ import annotations

import random
import socket
from collections.abc import Collection

import psutil

from tools.local.errors import LocalError

HOST = "127.0.0.1"

# Below the range Linux hands to outgoing connections (32768 and up): a client that keeps dialling a dead
# server on a port of that range can end up connected to itself, and then the server cannot have it back.
MIN_PORT = 20_000
MAX_PORT = 32_000
ATTEMPTS = 200


def is_free(port: int, host: str = HOST) -> bool:
    """Return whether a server could listen there now. Connections in TIME_WAIT do not count as use."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port(rng: random.Random, taken: Collection[int] = ()) -> int:
    """Return a port that nobody listens on and that is not in `taken`."""
    for _ in range(ATTEMPTS):
        port = rng.randrange(MIN_PORT, MAX_PORT)
        if port not in taken and is_free(port):
            return port
    raise LocalError(f"No free port found on {HOST} between {MIN_PORT} and {MAX_PORT}.")


def owner_of(port: int) -> str:
    """Describe the process that listens on a port. Other users' processes are not always visible."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return "another process"
    for connection in connections:
        # An address is (host, port); it is empty for sockets that have none.
        if connection.status != psutil.CONN_LISTEN or tuple(connection.laddr)[1:2] != (port,):
            continue
        if connection.pid is None:
            return "another user's process"
        try:
            process = psutil.Process(connection.pid)
            command = " ".join(process.cmdline())[:120] or process.name()
        except psutil.Error:
            return f"process {connection.pid}"
        return f"process {connection.pid} ({command})"
    return "another process"
