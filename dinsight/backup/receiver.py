"""Runs PostgreSQL's `pg_receivewal`, which streams WAL into the spool as the server flushes it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from dinsight.backup.archive import Archive
from dinsight.backup.database import NAME, environment
from dinsight.backup.errors import BackupError
from dinsight.servers.postgres import PostgresBinaries

# The repository may be away for long. What the spool cannot take, the server keeps, up to
# max_slot_wal_keep_size; after that a new base backup is needed, and the database goes on.
MAX_SPOOL_BYTES = 2**30
END_SECONDS = 10.0
LONGEST_REASON = 500


@dataclass(frozen=True)
class Receiver:
    """Runs one `pg_receivewal` at a time; `running` yields its process."""

    dsn: str
    binaries: PostgresBinaries
    spool: Path
    archive: Archive

    @asynccontextmanager
    async def running(self) -> AsyncIterator[asyncio.subprocess.Process]:
        self.must_have_room()
        process = await asyncio.create_subprocess_exec(
            self.binaries.program("pg_receivewal"),
            f"--directory={self.spool}",
            f"--slot={NAME}",
            "--status-interval=1",
            "--no-loop",
            "--no-password",
            env=environment(self.dsn),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.terminate()
            try:
                async with asyncio.timeout(END_SECONDS):
                    await process.communicate()
            except TimeoutError:
                process.kill()
                await process.communicate()

    def must_have_room(self) -> None:
        if (held := self.archive.spooled_bytes()) > MAX_SPOOL_BYTES:
            raise BackupError(
                f"{held / 2**20:.0f} MiB of WAL wait in {self.spool} for the repository. Until they are"
                " there, no more is taken from the server."
            )

    @staticmethod
    async def ended(process: asyncio.subprocess.Process) -> BackupError | None:
        """Why the process has ended; None while it runs."""
        if process.returncode is None:
            return None
        assert process.stderr is not None
        said = (await process.stderr.read()).decode(errors="replace").strip()
        return BackupError(f"pg_receivewal ended: {said[-LONGEST_REASON:]}")
