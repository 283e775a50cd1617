"""Readiness probes of the supervisor."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from tools.local.ports import HOST
from tools.local.programs import Probe

_PATIENCE_S = 5.0


def http_ready(port: int, path: str = "/health/ready") -> Probe:
    """The service answers its readiness address with 200."""

    async def probe() -> bool:
        request = f"GET {path} HTTP/1.1\r\nHost: {HOST}:{port}\r\nConnection: close\r\n\r\n"
        try:
            async with asyncio.timeout(_PATIENCE_S):
                reader, writer = await asyncio.open_connection(HOST, port)
                try:
                    writer.write(request.encode("ascii"))
                    status_line = await reader.readline()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return False
        return status_line.split(b" ")[1:2] == [b"200"]

    return probe


def tcp_ready(port: int) -> Probe:
    """Something accepts connections on the port."""

    async def probe() -> bool:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                _, writer = await asyncio.open_connection(HOST, port)
        except (OSError, TimeoutError):
            return False
        writer.close()
        return True

    return probe


def command_ready(argv: tuple[str, ...], env: Mapping[str, str]) -> Probe:
    """A checking program ends with status 0."""

    async def probe() -> bool:
        process = await asyncio.create_subprocess_exec(
            *argv,
            env=dict(env),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        return await process.wait() == 0

    return probe
