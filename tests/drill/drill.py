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
from dinsight.installation import database_variable, signing_key_variable
from dinsight.servers.account import server_account
from shared.events.machines import MACHINE_CHANGED
from shared.events.signatures import EventSigner
from shared.kafka.relay import Relay
from shared.postgres.connection import Connection, Database
from shared.process import background
from tests.drill.compare import Snapshot, differences, files, rows, snapshot
from tests.drill.engineer import Engineer
from tests.drill.load import Load
from tests.drill.machine import CommandFailed, Machine
from tests.support.installation import kafka_at
from tests.support.records import read_to_end
from tests.support.waiting import eventually

QUIET_SECONDS = 1.0
# Rows of the second drill are told apart from those of the first.
FIRST_NUMBER = 10**6
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


def back_up(machine: Machine) -> None:
    """Take a backup, unless the program on the machine is taking one at this moment: then wait for that."""
    before = len(machine.backups())
    try:
        machine.run("backup", "run")
    except CommandFailed as error:
        if "Another backup of this database is running" not in str(error):
            raise
        until(lambda: len(machine.backups()) > before, "the backup under way")


def dropped_table(machine: Machine, scratch: Path, load_rows: int, say: Say, *, in_place: bool) -> Findings:
    """Recover to the second before a table is dropped: beside the installation, and then in its place."""
    load = Load(machine.env, machine.layout.storage)
    load.start()
    load.wait_for(load_rows)
    back_up(machine)
    load.wait_for(load_rows)
    load.stop()
    at, expected = asyncio.run(_quiet_moment(machine))
    stored = files(machine.layout.storage)
    say(f"{rows(expected)} rows in {len(expected)} tables, {len(stored)} files, at {at.isoformat()}")
    asyncio.run(_drop(machine, "machines.machines" if in_place else "public.ledger"))
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
    up = _restored_in_place(machine, at, expected, say) if in_place else 0.0
    return Findings(len(expected), rows(expected), len(stored), 0, 0.0, restored, up)


def _restored_in_place(machine: Machine, at: datetime, expected: Snapshot, say: Say) -> float:
    began = time.monotonic()
    assert "DInsight is running here" in machine.fails("restore", "--to", at.isoformat())
    machine.stop_backup()
    machine.run("restore", "--to", at.isoformat(), "--replace")
    machine.up()
    up = time.monotonic() - began
    say(f"restored in its place and up after {up:.1f} s")
    if not machine.services:
        assert differences(expected, asyncio.run(_present(machine))) == []
    return up


def lost_machine(
    machine: Machine, new: Callable[[], Machine], keys: Path, load_rows: int, say: Say
) -> Findings:
    """Everything but the repository and the escrow file is gone, while clients write."""
    machine.run("backup", "keys", str(keys))
    engineer = Engineer(machine.environment.gateway_url) if machine.services else None
    # A restored database is on a new timeline, which the next backup begins.
    back_up(machine)
    load = Load(machine.env, machine.layout.storage, first=FIRST_NUMBER)
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
    say(f"restored in {restored:.1f} s, up after {up:.1f} s")
    found, numbers, named = asyncio.run(_after_loss(replacement))
    lost = {number: at for number, at in load.acknowledged.items() if number not in numbers}
    lost_seconds = max((killed_at - at for at in lost.values()), default=0.0)
    # What is lost is the end, and nothing in between.
    assert not lost or min(lost) > max(numbers)
    there = files(replacement.layout.storage)
    # Every file that the database names is there, and as it was.
    assert {name: there.get(name) for name in named} == {name: stored[name] for name in named}
    if engineer is not None:
        assert engineer.finds_everything(replacement.environment.gateway_url)
        say("a user signs in with the old password, and finds and changes the old data")
    return Findings(len(found), rows(found), len(named), len(lost), lost_seconds, restored, up)


def topics_hold(machine: Machine, say: Say) -> None:
    """The new broker was empty: every machine of the restored table must be on its topic again."""
    expected, told = asyncio.run(_machines_and_topic(machine))
    assert expected <= told, f"{len(expected - told)} of {len(expected)} machines are not on their topic"
    say(f"all {len(expected)} machines are on the refilled topic")


async def _machines_and_topic(machine: Machine) -> tuple[set[str], set[str]]:
    env = machine.env
    kafka = kafka_at(env["DINSIGHT_KAFKA_BOOTSTRAP"])
    signer = EventSigner("machines", env[signing_key_variable("machines")])
    async with (
        _connected(machine) as connection,
        Database(env[database_variable("machines")], service="machines", pool_size=2) as database,
        # Where services run, theirs leads, and this one stands by.
        background(Relay(database, kafka, signer, service="machines").loop.run()),
    ):

        async def published() -> bool:
            return not await connection.fetchval(
                "SELECT count(*) FROM machines.outbox WHERE published_at IS NULL"
            )

        await eventually(published, seconds=PATIENCE_SECONDS, what="an empty outbox")
        rows = await connection.fetch("SELECT id FROM machines.machines")
    records = await read_to_end(env["DINSIGHT_KAFKA_BOOTSTRAP"], MACHINE_CHANGED.name)
    return {str(row["id"]) for row in rows}, {(record.key or b"").decode() for record in records}


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
        ends_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            assert time.monotonic() < ends_at, "nothing stopped writing"
            await asyncio.sleep(QUIET_SECONDS)
            at = await connection.fetchval("SELECT clock_timestamp()")
            await asyncio.sleep(QUIET_SECONDS)
            after = await snapshot(connection)
            if before == after:
                return at.astimezone(UTC), after
            before = after


async def _drop(machine: Machine, table: str) -> None:
    async with _connected(machine) as connection:
        await connection.execute(f"DROP TABLE {table} CASCADE")
        await connection.execute("CREATE TABLE public.written_after_the_loss (number bigint)")


async def _present(machine: Machine) -> Snapshot:
    async with _connected(machine) as connection:
        return await snapshot(connection)


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
