"""Servers that answer slowly hold up their own organization, and nobody else's sources."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID, uuid4

from services.analysis.sources.domain import Source
from services.analysis.sources.places.base import Place, PlaceError
from services.analysis.sources.service import look_job
from services.analysis.worker import build_source_worker
from shared.access import Scope
from shared.clock import time_ordered_id
from tests.support.waiting import eventually
from tests.unit.analysis.sources.examples import a_source
from tests.unit.analysis.sources.scene import Scene


async def test_an_organization_with_slow_servers_leaves_a_lane_to_others() -> None:
    scene, other, opened, answers = Scene(), uuid4(), [], asyncio.Event()
    slow = scene.caller.organization_id

    @asynccontextmanager
    async def trickle(source: Source) -> AsyncIterator[Place]:
        opened.append(source.organization_id)
        await answers.wait()
        raise PlaceError("host-unreachable", "It has gone.")
        yield scene.place

    async def watch(organization_id: UUID) -> None:
        source = a_source(organization_id=organization_id, next_look_at=scene.clock.now())
        async with scene.units(Scope(organization_id=organization_id)) as unit:
            await unit.sources.add(source)
            await unit.jobs.enqueue([look_job(time_ordered_id(), source)])

    async def are_open(*wanted: UUID) -> bool:
        return opened[: len(wanted)] == list(wanted)

    for _ in range(2 * scene.settings.sources_concurrency):
        await watch(slow)
    worker = build_source_worker(
        scene.units, scene.units.queue, scene.storage, trickle, scene.settings, scene.clock, time_ordered_id
    )
    claiming = asyncio.create_task(worker.loops[0].run())
    try:
        held = [slow] * scene.settings.sources_per_organization
        await eventually(lambda: are_open(*held), what="the slow servers were asked")
        await watch(other)
        await eventually(lambda: are_open(*held, other), what="the other organization had its turn")
    finally:
        answers.set()
        claiming.cancel()
        await asyncio.gather(claiming, return_exceptions=True)
        await worker.stop()
