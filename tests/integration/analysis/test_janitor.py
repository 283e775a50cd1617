"""Upkeep: deleted machines, orphaned objects, partitions; and the worker's memory."""

import asyncio
import gc
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import psutil

from services.analysis.domain import Analysis, Status
from services.analysis.jobs.janitor import Chores
from services.analysis.machines.directory import MachineDirectory
from services.analysis.machines.domain import MachineRef
from services.analysis.uploads.domain import file_key, upload_prefix
from shared.access import Scope
from shared.clock import SystemClock
from shared.events.machines import MachineChanged
from shared.http.peers import Peer
from shared.postgres.partitions import partitions
from tests.integration.analysis.client import csv, samples
from tests.integration.analysis.workplace import (
    NOW,
    GatedFitter,
    Workplace,
)
from tests.support.fakes import FakeClock


def change(analysis: Analysis, *, version: int, deleted: bool) -> MachineChanged:
    return MachineChanged(
        machine_id=analysis.machine_id,
        name="Pump 8",
        model=None,
        serial_number=None,
        location=None,
        status="active",
        metadata={},
        deleted=deleted,
        version=version,
        changed_at=NOW,
    )


async def follow(place: Workplace, analysis: Analysis, *, version: int, deleted: bool) -> None:
    directory = MachineDirectory(place.units, Peer("http://127.0.0.1:1", name="machines"), SystemClock())
    async with place.units(Scope(organization_id=analysis.organization_id)) as unit:
        told = change(analysis, version=version, deleted=deleted)
        await directory.follow(unit, analysis.organization_id, told)


async def machine(place: Workplace, analysis: Analysis) -> MachineRef:
    async with place.units(Scope(organization_id=analysis.organization_id)) as unit:
        found = await unit.machines.get(analysis.machine_id)
    assert found is not None
    return found


async def test_deleting_a_machine_deletes_its_data(place: Workplace) -> None:
    """Even while a worker is busy with them; and no late event restores the machine."""
    analysis = await place.uploaded()
    await place.do(analysis)
    monitoring = await place.monitored(analysis, csv(samples(600)))
    await place.do(monitoring)
    assert (await place.now(monitoring)).status is Status.COMPLETED
    assert await place.count("monitor_data", monitoring) == 2
    slow = GatedFitter(place)
    third = await place.uploaded(organization=analysis.organization_id)
    await place.admin.execute(
        "UPDATE analysis.analyses SET machine_id = $2 WHERE id = $1", third.id, analysis.machine_id
    )
    working = asyncio.create_task(place.do(third, fitter=slow))
    await slow.gate.reached.wait()

    await follow(place, analysis, version=5, deleted=True)
    slow.gate.open.set()
    await working
    for table in ("dinsight_data", "feature_data", "monitor_data", "anomalies"):
        for gone in (analysis, monitoring, third):
            assert await place.count(table, gone) == 0, table
    rest = "SELECT count(*) FROM analysis.analyses WHERE machine_id = $1"
    assert await place.admin.fetchval(rest, analysis.machine_id) == 0
    await Chores(
        place.units, place.partitions, place.storage, place.settings, SystemClock()
    ).delete_discarded()
    assert await place.storage.list(upload_prefix(analysis.file_upload_id)) == []
    assert await place.storage.list(f"models/{analysis.id}") == []

    await follow(place, analysis, version=4, deleted=False)
    await follow(place, analysis, version=6, deleted=False)
    assert (await machine(place, analysis)).deleted


async def test_a_late_event_does_not_revert_a_machine(place: Workplace) -> None:
    analysis = await place.uploaded()
    await follow(place, analysis, version=3, deleted=False)
    await follow(place, replace(analysis), version=2, deleted=True)
    found = await machine(place, analysis)
    assert (found.version, found.name, found.deleted) == (3, "Pump 8", False)


async def test_only_orphaned_objects_are_deleted(place: Workplace) -> None:
    analysis = await place.uploaded()
    await place.do(analysis)
    orphan = file_key(upload_prefix(uuid4()), 0)
    model = f"models/{analysis.id}/{uuid4()}.npz"
    await place.storage.put(orphan, b"left by a crash")
    await place.storage.put(model, b"left by a dead attempt")
    young = Chores(place.units, place.partitions, place.storage, place.settings, SystemClock())
    assert await young.sweep() == 0
    eager_settings = place.settings.model_copy(update={"orphan_after_seconds": -60.0})
    eager = Chores(place.units, place.partitions, place.storage, eager_settings, SystemClock())
    assert await eager.sweep() >= 2
    keys = {key for key, _ in await place.storage.list("uploads") + await place.storage.list("models")}
    assert not {orphan, model} & keys
    assert file_key(upload_prefix(analysis.file_upload_id), 0) in keys
    assert any(key.startswith(f"models/{analysis.id}/") for key in keys)


async def test_the_partitions_of_the_next_month_are_made(place: Workplace) -> None:
    clock = FakeClock(datetime(2001, 12, 31, 12, tzinfo=UTC))
    chores = Chores(place.units, place.partitions, place.storage, place.settings, clock)
    await chores.ensure_partitions()
    await chores.ensure_partitions()
    for table in ("anomalies", "monitor_data"):
        if await place.admin.fetchval(f"SELECT relkind = 'r' FROM pg_class WHERE relname = '{table}'"):
            continue  # a hypertable
        names = {partition.name for partition in await partitions(place.admin, f"analysis.{table}")}
        assert {f"analysis.{table}_2001_12", f"analysis.{table}_2002_01"} <= names


async def highest_memory(place: Workplace, rows: int) -> int:
    """The peak memory for a file whose last row is invalid, so that all of it is read and nothing kept."""
    width = 1024
    head = ",".join(["load", *(f"f_{place}" for place in range(width))]).encode() + b"\n"
    row = b"low," + b",".join([b"0.1234567"] * width) + b"\n"

    async def table() -> AsyncIterator[bytes]:
        yield head
        for _ in range(rows // 100):
            yield row * 100
        yield b"low,1\n"

    size = len(head) + rows * len(row)
    analysis = await place.uploaded(table(), size=size, end_dim=f"f_{width - 1}")
    gc.collect()
    highest = 0
    working = asyncio.create_task(place.do(analysis))
    while not working.done():
        await asyncio.wait([working], timeout=0.1)
        highest = max(highest, psutil.Process().memory_info().rss)
    await working
    found = await place.ended_once(analysis, Status.FAILED)
    assert found.error is not None
    assert found.error["row"] == rows + 2
    return highest


async def test_memory_does_not_grow_with_the_file(place: Workplace) -> None:
    """A worker reads and stores chunk by chunk: a file of 1.1 GB needs hardly more than one of 180 MB.

    The memory of the whole test process is measured, whose buffers and allocator fill up to a plateau: that
    is up to 250 MB after many other tests. The samples alone would be 820 MB more.
    """
    small = await highest_memory(place, 20_000)
    large = await highest_memory(place, 120_000)
    assert large - small < 400 * 2**20
