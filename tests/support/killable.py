"""A worker process that a test kills again and again."""

import asyncio
import signal
import sys
from contextlib import suppress


class KillableWorker:
    """Runs one process of a module at a time, and starts another one when it was killed."""

    def __init__(self, module: str, *arguments: str) -> None:
        self._command = (sys.executable, "-m", module, *arguments)
        self._process: asyncio.subprocess.Process | None = None
        self.killed = 0

    async def run(self) -> None:
        """Run until cancelled."""
        while True:
            self._process = await asyncio.create_subprocess_exec(*self._command)
            assert await self._process.wait() == -signal.SIGKILL

    def kill(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self.killed += 1
            self._process.kill()

    async def stop(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
