"""Connections that end when their server has vanished."""

import asyncio
import socket
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg

if TYPE_CHECKING:
    PlainConnection: TypeAlias = asyncpg.Connection[asyncpg.Record]
else:
    PlainConnection = asyncpg.Connection

# Whatever was sent must be acknowledged in this time, and so must probes of an idle connection. By default, a
# host that vanishes (a lost network, a power failure) is noticed after a quarter of an hour, or never.
UNACKNOWLEDGED_SECONDS = 30
PROBE_AFTER_SECONDS, PROBE_EVERY_SECONDS, PROBES = 15, 5, 3


class WatchedConnection(PlainConnection):
    """A connection whose socket has the options above, where the operating system has them."""

    __slots__ = ()

    def __init__(self, protocol: Any, transport: asyncio.Transport, *others: Any) -> None:
        super().__init__(protocol, transport, *others)
        watch(transport.get_extra_info("socket"))


def watch(connected: socket.socket) -> None:
    """Set the options. Sockets of the same host (AF_UNIX) have none."""
    if connected.family not in (socket.AF_INET, socket.AF_INET6):
        return
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in (
        ("TCP_USER_TIMEOUT", UNACKNOWLEDGED_SECONDS * 1000),
        ("TCP_KEEPIDLE", PROBE_AFTER_SECONDS),
        ("TCP_KEEPINTVL", PROBE_EVERY_SECONDS),
        ("TCP_KEEPCNT", PROBES),
    ):
        if (option := getattr(socket, name, None)) is not None:
            connected.setsockopt(socket.IPPROTO_TCP, option, value)
