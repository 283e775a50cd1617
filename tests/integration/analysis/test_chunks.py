"""Chunks of a monitoring run are scored by whichever worker is free, and joined once and in order.

No broker here: the events are handed over by the tests.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import pytest

from services.analysis.anomalies.domain import AnomalyFilter
from services.analysis.database.chunks import ClaimedChunk
from services.analysis.domain import Analysis, Status
from services.analysis.jobs.chunks import ChunkStore
from services.analysis.jobs.fit import CHUNK_SAMPLES, Work
from services.analysis.jobs.recent import RecentChunks, Samples
from services.analysis.jobs.score import ChunkScorer
from services.analysis.objects.models import ModelStore
from shared.access import Scope
from shared.events.analysis import CHUNK_STORED, ChunkStored
from shared.events.base import Event
from shared.http.pages import PageRequest
from tests.integration.analysis.client import csv, samples
from tests.integration.analysis.workplace import EXPIRED, NOW, Workplace, received
from tests.support.waiting import eventually

ROWS = 3 * CHUNK_SAMPLES + 100
CHUNKS = 4
ABNORMAL = (7, CHUNK_SAMPLES - 1, CHUNK_SAMPLES, 2 * CHUNK_SAMPLES + 5, ROWS - 1)
TABLE = csv(samples(ROWS, seed=5, shifted=ABNORMAL))


class GatedScorer(ChunkScorer):
    """The run's own worker, which leaves its chunks to others until it is let through."""

    def __init__(self, place: Workplace) -> None:
        super().__init__(place.units, ModelStore(place.storage), RecentChunks(), place.settings, uuid4)
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

    async def finish(self, *arguments: Any) -> None:
        self.reached.set()
        await self.gate.wait()
        await super().finish(*arguments)


class SlowScorer(ChunkScorer):
    """A worker that has taken a chunk, and stops before it scores it."""

    def __init__(self, place: Workplace) -> None:
        super().__init__(place.units, ModelStore(place.storage), RecentChunks(), place.settings, uuid4)
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

    async def _samples(self, analysis: Analysis, chunk: ClaimedChunk) -> Samples:
        found = await super()._samples(analysis, chunk)
        self.reached.set()
        await self.gate.wait()
        return found


class GatedStore(ChunkStore):
    """Keeps no more chunks than the first two until it is let through."""

    def __init__(self, place: Workplace) -> None:
        super().__init__(place.units, RecentChunks(), uuid4)
        self.reached, self.gate = asyncio.Event(), asyncio.Event()

    async def list_chunk(self, work: Work, order: int, *arguments: Any, **options: Any) -> None:
        if order == 2:
            self.reached.set()
            await self.gate.wait()
        await super().list_chunk(work, order, *arguments, **options)


class NoModels(ModelStore):
    async def load(self, key: str) -> Any:
        raise FileNotFoundError(key)


def announced(analysis: Analysis, order: int) -> Event[ChunkStored]:
    payload = ChunkStored(
        analysis_id=analysis.id,
        machine_id=analysis.machine_id,
        process_order=order,
        first_sample=order * CHUNK_SAMPLES,
        samples=CHUNK_SAMPLES,
    )
    return Event(uuid4(), CHUNK_STORED, f"{analysis.id}/{order}", analysis.organization_id, NOW, payload)


def helper(place: Workplace) -> ChunkScorer:
    return ChunkScorer(place.units, ModelStore(place.storage), RecentChunks(), place.settings, uuid4)


async def baseline(place: Workplace, **config: Any) -> Analysis:
    analysis = await place.uploaded(**config)
    await place.processor().handle(received(analysis))
    return analysis


async def outcome(place: Workplace, analysis: Analysis) -> tuple[Any, ...]:
    """All that clients see of a completed run, without ids and times."""
    found = await place.now(analysis)
    assert found.status is Status.COMPLETED
    assert found.results is not None
    results = {name: value for name, value in found.results.items() if name != "timings"}
    async with place.units(Scope(organization_id=analysis.organization_id)) as unit:
        points = await unit.results.monitor_points(analysis.id, 0, None)
        page = await unit.anomalies.list(AnomalyFilter(analysis_id=analysis.id), PageRequest(500, None))
    assert [chunk.first for chunk in points] == [order * CHUNK_SAMPLES for order in range(CHUNKS)]
    assert await place.events(analysis, "analysis.completed") == 1
    assert await place.events(analysis, "anomaly.detected") == len(page.items)
    assert await place.count("monitor_chunks", analysis) == 0
    columns = [
        [getattr(chunk, name).tolist() for chunk in points] for name in ("x", "y", "distance", "misfit")
    ]
    flags = [chunk.anomaly for chunk in points]
    anomalies = sorted((a.sample_index, a.severity, a.distance, str(a.features)) for a in page.items)
    return results, columns, flags, [chunk.metadata for chunk in points], anomalies


async def lease(place: Workplace, analysis: Analysis, order: int) -> UUID | None:
    query = "SELECT lease_token FROM analysis.monitor_chunks WHERE analysis_id = $1 AND process_order = $2"
    token: UUID | None = await place.admin.fetchval(query, analysis.id, order)
    return token


@pytest.mark.parametrize(
    ("detector", "ewma"),
    [("feature_mahalanobis", None), ("feature_mahalanobis", 0.2), ("t2_spe", 0.2), ("map_mahalanobis", 0.2)],
)
async def test_many_hands_give_what_one_gives(place: Workplace, detector: str, ewma: float | None) -> None:
    """Bit for bit, also where a chunk depends on those before it; however often it is announced."""
    normal = await baseline(place, detector=detector, ewma=ewma)
    alone = await place.monitored(normal, TABLE)
    await place.processor().handle(received(alone))
    shared = await place.monitored(normal, TABLE)
    own = GatedScorer(place)
    working = asyncio.create_task(place.processor(scorer=own).handle(received(shared)))
    await own.reached.wait()
    # On the map a chunk's state is known only when those before it are scored: nobody is asked to help.
    orders = () if (detector, ewma) == ("map_mahalanobis", 0.2) else (3, 1, 2)
    assert await place.events(shared, "chunk.stored") == len(orders)
    helpers = [helper(place), helper(place)]
    await asyncio.gather(*(one.handle(announced(shared, order)) for one in helpers for order in orders))
    query = "SELECT count(*) FROM analysis.monitor_chunks WHERE analysis_id = $1 AND summary IS NOT NULL"
    assert await place.admin.fetchval(query, shared.id) == len(orders)
    own.gate.set()
    await working
    found = await outcome(place, shared)
    assert found == await outcome(place, alone)
    assert set(ABNORMAL) <= {index for index, *_ in found[-1]}


async def test_a_dead_helpers_chunk_is_taken_over(place: Workplace) -> None:
    run = await place.monitored(await baseline(place), TABLE)
    own = GatedScorer(place)
    working = asyncio.create_task(place.processor(scorer=own).handle(received(run)))
    await own.reached.wait()
    async with place.units(Scope(organization_id=run.organization_id)) as unit:
        assert await unit.chunks.claim(run.id, 2, uuid4(), EXPIRED) is not None
    own.gate.set()
    await working
    await outcome(place, run)


async def test_a_chunk_in_living_hands_is_waited_for(place: Workplace) -> None:
    run = await place.monitored(await baseline(place), TABLE)
    own, slow = GatedScorer(place), SlowScorer(place)
    working = asyncio.create_task(place.processor(scorer=own).handle(received(run)))
    await own.reached.wait()
    helping = asyncio.create_task(slow.handle(announced(run, 2)))
    await slow.reached.wait()
    own.gate.set()
    query = "SELECT count(*) FROM analysis.monitor_chunks WHERE analysis_id = $1 AND summary IS NULL"

    async def only_one_is_left() -> bool:
        return bool(await place.admin.fetchval(query, run.id) == 1)

    await eventually(only_one_is_left)
    assert await lease(place, run, 2) is not None
    assert (await place.now(run)).status is Status.PROCESSING
    slow.gate.set()
    await asyncio.gather(working, helping)
    await outcome(place, run)


async def test_what_comes_too_late_changes_nothing(place: Workplace) -> None:
    """The run's worker died, another began anew; a helper of the dead one still scores its chunk."""
    run = await place.monitored(await baseline(place), TABLE)
    own, slow = GatedScorer(place), SlowScorer(place)
    dying = asyncio.create_task(place.processor(scorer=own).handle(received(run)))
    await own.reached.wait()
    helping = asyncio.create_task(slow.handle(announced(run, 1)))
    await slow.reached.wait()
    await place.admin.execute(
        "UPDATE analysis.analyses SET lease_until = clock_timestamp() - interval '1 s' WHERE id = $1", run.id
    )
    again = GatedScorer(place)
    working = asyncio.create_task(place.processor(scorer=again).handle(received(run)))
    await again.reached.wait()
    slow.gate.set()
    await helping
    # The one that lost the run finds chunks of the new attempt, and leaves them alone.
    own.gate.set()
    await dying
    assert await place.count("monitor_data", run) == 0
    assert [await lease(place, run, order) for order in range(CHUNKS)] == [None] * CHUNKS
    again.gate.set()
    await working
    await outcome(place, run)
    await slow.handle(announced(run, 1))
    await outcome(place, run)


async def test_a_refused_run_leaves_nothing(place: Workplace) -> None:
    lines = TABLE.decode().splitlines()
    lines[ROWS - 20] = lines[ROWS - 20].rsplit(",", 1)[0] + ",broken"
    run = await place.monitored(await baseline(place), "\n".join(lines).encode())
    store = GatedStore(place)
    working = asyncio.create_task(place.processor(chunks=store).handle(received(run)))
    await store.reached.wait()
    await helper(place).handle(announced(run, 1))
    assert await place.count("monitor_data", run) == 1
    store.gate.set()
    await working
    found = await place.now(run)
    assert found.status is Status.FAILED
    assert found.error is not None
    assert (found.error["row"], found.error["column"]) == (ROWS - 19, "f_7")
    for table in ("feature_data", "monitor_data", "monitor_chunks", "anomalies"):
        assert await place.count(table, run) == 0
    assert await place.events(run, "anomaly.detected") == 0


@pytest.mark.parametrize("orders", [(1,), (1, 2, 3)])
async def test_a_helpers_fault_is_left_to_the_runs_worker(place: Workplace, orders: Sequence[int]) -> None:
    run = await place.monitored(await baseline(place), TABLE)
    own = GatedScorer(place)
    working = asyncio.create_task(place.processor(scorer=own).handle(received(run)))
    await own.reached.wait()
    broken = ChunkScorer(place.units, NoModels(place.storage), RecentChunks(), place.settings, uuid4)
    for order in orders:
        await broken.handle(announced(run, order))
        assert await lease(place, run, order) is None
    own.gate.set()
    await working
    await outcome(place, run)


async def test_a_helper_that_is_shut_down_gives_its_chunk_back(place: Workplace) -> None:
    run = await place.monitored(await baseline(place), TABLE)
    own, slow = GatedScorer(place), SlowScorer(place)
    working = asyncio.create_task(place.processor(scorer=own).handle(received(run)))
    await own.reached.wait()
    helping = asyncio.create_task(slow.handle(announced(run, 2)))
    await slow.reached.wait()
    helping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await helping
    assert await lease(place, run, 2) is None
    own.gate.set()
    await working
    await outcome(place, run)


async def test_a_machine_deleted_while_its_run_is_scored(place: Workplace) -> None:
    run = await place.monitored(await baseline(place), TABLE)
    own, slow = GatedScorer(place), SlowScorer(place)
    working = asyncio.create_task(place.processor(scorer=own).handle(received(run)))
    await own.reached.wait()
    await helper(place).handle(announced(run, 1))
    helping = asyncio.create_task(slow.handle(announced(run, 2)))
    await slow.reached.wait()
    async with place.units(Scope(organization_id=run.organization_id)) as unit:
        await unit.machines.forget(run.machine_id)
    slow.gate.set()
    own.gate.set()
    await asyncio.gather(working, helping)
    for table in ("feature_data", "monitor_data", "monitor_chunks", "anomalies"):
        assert await place.count(table, run) == 0
    assert await place.events(run, "analysis.completed") + await place.events(run, "analysis.failed") == 0


async def test_an_unknown_chunk_or_run_is_nothing_to_do(place: Workplace) -> None:
    run = await place.monitored(await baseline(place), TABLE)
    await helper(place).handle(announced(run, 1))
    await helper(place).handle(announced(replace(run, id=uuid4()), 1))
    await place.processor().handle(received(run))
    await helper(place).handle(announced(run, 9))
    await outcome(place, run)
