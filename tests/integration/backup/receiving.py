"""The receiver of WAL: finding it, and losing what it has not got yet."""

from __future__ import annotations

import asyncio

import asyncpg
import psutil

from dinsight.backup.context import BackupContext
from dinsight.backup.database import NAME
from dinsight.backup.manifest import read_backups
from dinsight.backup.targets import choose
from dinsight.installation import Installation
from tests.drill.machine import Machine
from tests.support.waiting import eventually


async def receiver_of(machine: Machine) -> psutil.Process:
    """The process that receives WAL for the program `backup`, which starts it again when it has ended."""

    async def found() -> psutil.Process | None:
        for process in psutil.process_iter(["cmdline"]):
            if f"--directory={machine.layout.spool}" in (process.info["cmdline"] or ()):
                return process
        return None

    receiver = await eventually(found, what="a receiver of WAL")
    assert receiver is not None
    return receiver


async def lose_wal(machine: Machine) -> None:
    """Let the server drop WAL that nobody has received. Ends with the BackupError that says so."""
    receiver = await receiver_of(machine)
    program = receiver.parent()
    assert program is not None
    # Stopped, they cannot come back for the WAL before it is gone.
    stopped = (program, receiver)
    for process in stopped:
        process.suspend()
    try:
        await _drop_wal(machine.env["DINSIGHT_DATABASE_URL"])
    finally:
        for process in stopped:
            process.resume()
    repository = BackupContext.of(Installation(machine.env)).chosen(None)

    async def gap() -> bool:
        await asyncio.to_thread(choose, repository, read_backups(repository), None)
        return False

    await eventually(gap, seconds=240, every=0.5, what="a gap")


async def _drop_wal(admin_dsn: str) -> None:
    connection = await asyncpg.connect(admin_dsn)

    async def dropped() -> bool:
        await connection.execute(
            "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active_pid IS NOT NULL"
        )
        try:
            await connection.execute("SELECT pg_drop_replication_slot($1)", NAME)
        except asyncpg.ObjectInUseError:
            return False
        return True

    await eventually(dropped, what="the end of the slot")
    for _ in range(4):
        await connection.execute("INSERT INTO public.more VALUES (1)")
        await connection.execute("SELECT pg_switch_wal()")
    await connection.execute("CHECKPOINT")
    await connection.close()
