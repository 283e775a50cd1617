"""What other clients notice while one client attacks the gateway: their p99 in each flood, beside quiet.

A platform is started, and one client asks for a page of machines again and again, over one connection, while
another process attacks the gateway from the same address. The kinds are named in `FLOODS`; connections that
the gateway cuts are opened again at once. Both share this machine's cores with the platform, so a part of
what the client notices is the attacking process itself: `busy` is a process that computes and attacks nobody.
"""

import argparse
import asyncio
import multiprocessing
import statistics
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import httpx2
import psutil
from rich.console import Console
from rich.table import Table

from tests.e2e.plant import Plant
from tests.stack import FOR_MANY_CALLS, Stack

PIECE = b"a" * 65_536
LINES = b"X: y\r\n" * 8_192
# Between two attempts of each attacker: without a pause, the attacking process alone would fill a core.
PAUSE_SECONDS = 0.005
SECONDS = 15.0
Attack = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def pouring(beginning: bytes, rest: bytes) -> Attack:
    async def attack(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while not writer.is_closing():
            writer.write(rest)
            await writer.drain()

    return attack


def dripping(beginning: bytes) -> Attack:
    async def attack(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(beginning)
        while not writer.is_closing():
            writer.write(b"a")
            await writer.drain()
            await asyncio.sleep(1)

    return attack


async def holding(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
    await reader.read()


# The attack of each connection, and how many there are at a time.
FLOODS: Mapping[str, tuple[Attack, int]] = {
    "1 endless request line": (pouring(b"GET /", PIECE), 1),
    "20 endless request lines": (pouring(b"GET /", PIECE), 20),
    "20 endless headers": (pouring(b"GET / HTTP/1.1\r\nX: ", PIECE), 20),
    "20 x endless header lines": (pouring(b"GET / HTTP/1.1\r\n", LINES), 20),
    "500 dripping heads": (dripping(b"GET /"), 500),
    "2,000 idle connections": (holding, 2_000),
}


async def _again(host: str, port: int, attack: Attack) -> None:
    while True:
        with suppress(OSError):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                await attack(reader, writer)
            finally:
                writer.close()
        await asyncio.sleep(PAUSE_SECONDS)


async def _flood(host: str, port: int, kind: str) -> None:
    attack, connections = FLOODS[kind]
    await asyncio.gather(*(_again(host, port, attack) for _ in range(connections)))


def flood(host: str, port: int, kind: str) -> None:
    """The attacking process; it ends with its parent at the latest."""
    if kind == "busy":
        while multiprocessing.parent_process():
            sum(range(10_000))
    asyncio.run(_flood(host, port, kind))


@contextmanager
def attacked(url: str, kind: str | None) -> Iterator[None]:
    if kind is None:
        yield
        return
    place = urlsplit(url)
    process = multiprocessing.get_context("spawn").Process(
        target=flood, args=(place.hostname, place.port, kind), daemon=True
    )
    process.start()
    try:
        # Until it has loaded its modules and opened its connections.
        time.sleep(3)
        yield
    finally:
        process.terminate()
        process.join()


def measured(client: httpx2.Client, seconds: float, gateway: psutil.Process) -> tuple[list[float], int]:
    """Milliseconds of each request, and the gateway's largest memory, in bytes."""
    taken, peak, ends_at = [], 0, time.monotonic() + seconds
    while time.monotonic() < ends_at:
        began = time.perf_counter()
        client.get("/api/v1/machines", params={"limit": 1}).raise_for_status()
        taken.append((time.perf_counter() - began) * 1000)
        if len(taken) % 20 == 0:
            peak = max(peak, gateway.memory_info().rss)
    return taken, peak


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of each flood")
    options = parser.parse_args()
    report = Table(title="One client's requests during a flood of another one, milliseconds")
    for column in ("flood", "requests", "p50", "p99", "slowest", "gateway's memory, MiB"):
        report.add_column(column)
    with Stack(settings=FOR_MANY_CALLS) as stack, Plant.joined(stack.gateway_url) as plant:
        plant.machine()
        gateway = psutil.Process(stack.process("gateway").pid)
        with httpx2.Client(base_url=stack.gateway_url, headers=plant.headers, timeout=60) as client:
            for kind in (None, "busy", *FLOODS, None):
                with attacked(stack.gateway_url, kind):
                    taken, peak = measured(client, options.seconds, gateway)
                p99 = statistics.quantiles(taken, n=100)[98]
                figures = (statistics.median(taken), p99, max(taken), peak / 2**20)
                report.add_row(kind or "quiet", f"{len(taken):,}", *(f"{each:.1f}" for each in figures))
    Console(width=120).print(report)


if __name__ == "__main__":
    main()
