"""The two drills, one after the other: a dropped table, and a lost machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg

from dinsight.backup.context import binaries_for
from dinsight.backup.manifest import Manifest
from dinsight.backup.scratch import running
from dinsight.servers.account import server_account
from shared.postgres.connection import Connection
from tests.drill.compare import Snapshot, differences, files, rows, snapshot
from tests.drill.load import Load
from tests.drill.machine import Machine

QUIET_SECONDS = 1.0
PATIENCE_SECONDS = 240.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class Findings:
    """What a drill has measured. `lost_seconds`: the age of the oldest acknowledged write that is gone."""

    tables: int
    rows: int
    files: int
    lost_rows: int
    lost_seconds: float
    restore_seconds: float
    up_seconds: float


def until(probe: Callable[[], bool], what: str) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while not probe():
        assert time.monotonic() < ends_at, f"waited {PATIENCE_SECONDS:.0f} s for {what}"
        time.sleep(0.2)


def dropped_table(machine: Machine, scratch: Path, load_rows: int, say: Say) -> Findings:
    """Recover to the second before a table is dropped: beside the installation, and then in its place."""
    load = Load(machine.env, machine.layout.storage)
    load.start()
    load.wait_for(load_rows)
    until(lambda: bool(machine.backups()), "the first backup")
    machine.run("backup", "run")
    load.wait_for(load_rows)
    load.stop()
    at, expected = asyncio.run(_quiet_moment(machine))
    stored = files(machine.layout.storage)
    say(f"{rows(expected)} rows in {len(expected)} tables, {len(stored)} files, at {at.isoformat()}")
    asyncio.run(_drop(machine))
    after = time.time()
    until(lambda: machine.complete_at() > after, "the WAL in the repository")
    began = time.monotonic()
    machine.run("restore", "--to", at.isoformat(), "--into", str(scratch))
    restored = time.monotonic() - began
    say(f"restored beside it in {restored:.1f} s")
    manifest = machine.backups()[-1].manifest
    found = asyncio.run(_snapshot_of(scratch / "postgres", manifest))
    assert differences(expected, found) == []
    assert files(scratch / "storage").items() >= stored.items()
    began = time.monotonic()
    assert "DInsight is running here" in machine.fails("restore", "--to", at.isoformat())
    machine.stop_backup()
    machine.run("restore", "--to", at.isoformat(), "--replace")
    machine.up()
    up = time.monotonic() - began
    say(f"restored in its place and up after {up:.1f} s")
    assert differences(expected, asyncio.run(_present(machine))) == []
    assert files(machine.layout.storage).items() >= stored.items()
    return Findings(len(expected), rows(expected), len(stored), 0, 0.0, restored, up)


def lost_machine(
    machine: Machine, new: Callable[[], Machine], keys: Path, load_rows: int, say: Say
) -> Findings:
    """Everything but the repository and the escrow file is gone, while clients write."""
    machine.run("backup", "keys", str(keys))
    # The restored database is on a new timeline, which a new backup begins.
    timeline = asyncio.run(_timeline(machine))
    until(lambda: machine.backups()[-1].manifest.timeline == timeline, "a backup of the new timeline")
    load = Load(machine.env, machine.layout.storage, first=10**6)
    load.start()
    load.wait_for(load_rows)
    killed_at = time.time()
    machine.die()
    load.stop()
    stored = files(machine.layout.storage)
    machine.vanish()
    say(f"the machine died under load, {len(load.acknowledged)} rows after the last backup")
    replacement = new()
    began = time.monotonic()
    replacement.run("restore", "--to", "latest", "--keys", str(keys))
    restored = time.monotonic() - began
    replacement.up()
    up = time.monotonic() - began
    found, numbers, named = asyncio.run(_after_loss(replacement))
    lost = {number: at for number, at in load.acknowledged.items() if number not in numbers}
    lost_seconds = max((killed_at - at for at in lost.values()), default=0.0)
    there = files(replacement.layout.storage)
    # Every file that the database names is there, and as it was.
    assert {name: there[name] for name in named} == {name: stored[name] for name in named}
    say(f"restored in {restored:.1f} s, up after {up:.1f} s")
    return Findings(len(found), rows(found), len(named), len(lost), lost_seconds, restored, up)


@asynccontextmanager
async def _connected(machine: Machine) -> AsyncIterator[Connection]:
    connection = await asyncpg.connect(machine.env["DINSIGHT_DATABASE_URL"])
    try:
        yield connection
    finally:
        await connection.close()


async def _quiet_moment(machine: Machine) -> tuple[datetime, Snapshot]:
    """A time, and every row there was before and after it."""
    async with _connected(machine) as connection:
        before = await snapshot(connection)
        while True:
            await asyncio.sleep(QUIET_SECONDS)
            at = await connection.fetchval("SELECT clock_timestamp()")
            await asyncio.sleep(QUIET_SECONDS)
            after = await snapshot(connection)
            if before == after:
                return at.astimezone(UTC), after
            before = after


async def _drop(machine: Machine) -> None:
    async with _connected(machine) as connection:
        await connection.execute("DROP TABLE machines.machines CASCADE")
        await connection.execute("INSERT INTO public.ledger VALUES (-1, 'written after the loss')")


async def _present(machine: Machine) -> Snapshot:
    async with _connected(machine) as connection:
        return await snapshot(connection)


async def _timeline(machine: Machine) -> int:
    async with _connected(machine) as connection:
        return int(await connection.fetchval("SELECT timeline_id FROM pg_control_checkpoint()"))


async def _after_loss(machine: Machine) -> tuple[Snapshot, set[int], set[str]]:
    async with _connected(machine) as connection:
        ledger = await connection.fetch("SELECT number, file FROM public.ledger")
        found = await snapshot(connection)
    return found, {row["number"] for row in ledger}, {row["file"] for row in ledger if row["file"]}


async def _snapshot_of(data: Path, manifest: Manifest) -> Snapshot:
    """What a restored folder holds, seen through a server of its own."""
    server = manifest.server
    async with running(data, server, binaries_for(server), server_account(), {}) as started:
        connection = await started.connect()
        try:
            return await snapshot(connection)
        finally:
            await connection.close()
