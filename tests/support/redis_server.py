"""A real Redis on a free loopback port, where the machine has the program."""

import asyncio
import random
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from redis.asyncio import Redis
from redis.exceptions import RedisError

from tests.support.waiting import eventually
from tools.local.ports import free_port

PROGRAM = shutil.which("redis-server")


class RedisServer:
    """Forgets everything when it ends."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._port = free_port(random.Random())
        self._process: asyncio.subprocess.Process | None = None
        self.url = f"redis://127.0.0.1:{self._port}/0"

    async def start(self) -> None:
        arguments = ["--port", str(self._port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = await asyncio.create_subprocess_exec(
            PROGRAM or "redis-server",
            *arguments,
            cwd=self._folder,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        await eventually(self._answers, what="the start of Redis")

    async def stop(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def _answers(self) -> bool:
        async with Redis.from_url(self.url) as client:
            with suppress(RedisError, OSError):
                return bool(await client.ping())
        return False


@asynccontextmanager
async def redis_server(folder: Path) -> AsyncIterator[RedisServer]:
    server = RedisServer(folder)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()
