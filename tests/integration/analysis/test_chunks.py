"""Any free worker scores the chunks of a monitoring run, and they are joined once, in order."""

import asyncio
from typing import Any

import pytest

from services.analysis.anomalies.domain import AnomalyFilter
from services.analysis.domain import Analysis, Status
from services.analysis.jobs.domain import Kind
from services.analysis.jobs.finalize import INTERNAL_ERROR, WORKER_DIED
from services.analysis.jobs.reading import CHUNK_SAMPLES
from services.analysis.objects.models import ModelStore
from shared.access import Scope
from shared.http.pages import PageRequest
from shared.process import background
from tests.integration.analysis.client import csv, samples
from tests.integration.analysis.workplace import EXPIRED, LEASE, GatedScorer, GatedStore, Workplace
from tests.support.waiting import eventually

ROWS = 3 * CHUNK_SAMPLES + 100
CHUNKS = 4
ABNORMAL = (7, CHUNK_SAMPLES - 1, CHUNK_SAMPLES, 2 * CHUNK_SAMPLES + 5, ROWS - 1)
TABLE = csv(samples(ROWS, seed=5, shifted=ABNORMAL))
TABLES = ("feature_data", "monitor_data", "monitor_chunks", "anomalies")
ALL_CHUNKS = [(Kind.CHUNK, False)] * CHUNKS


class NoModels(ModelStore):
    async def load(self, key: str) -> Any:
        raise FileNotFoundError(key)


async def baseline(place: Workplace, **config: Any) -> Analysis:
    analysis = await place.uploaded(**config)
    await place.do(analysis)
    return analysis


async def split(place: Workplace, **config: Any) -> Analysis:
    """A run whose files are read and whose chunks wait."""
    run = await place.monitored(await baseline(place, **config), TABLE)
    await place.do(run, Kind.ANALYSIS)
    assert (await place.now(run)).status is Status.PROCESSING
    return run


async def outcome(place: Workplace, analysis: Analysis) -> tuple[Any, ...]:
    """Everything that clients see of a completed run, except ids and times."""
    found = await place.now(analysis)
    assert found.status is Status.COMPLETED
    assert found.results is not None
    results = {name: value for name, value in found.results.items() if name != "timings"}
    results["settings"] = {k: v for k, v in results["settings"].items() if k != "config_id"}
    assert set(found.results["timings"]) == {"reading", "scoring"}
    async with place.units(Scope(organization_id=analysis.organization_id)) as unit:
        points = await unit.results.monitor_points(analysis.id, 0, None)
        page = await unit.anomalies.list(AnomalyFilter(analysis_id=analysis.id), PageRequest(500, None))
    assert [chunk.first for chunk in points] == [order * CHUNK_SAMPLES for order in range(CHUNKS)]
    assert await place.events(analysis, "analysis.completed") == 1
    assert await place.events(analysis, "anomaly.detected") == len(page.items)
    assert await place.count("monitor_chunks", analysis) == 0
    assert await place.jobs(analysis) == []
    columns = [
        [getattr(chunk, name).tolist() for chunk in points] for name in ("x", "y", "distance", "misfit")
    ]
    flags = [chunk.anomaly for chunk in points]
    anomalies = sorted((a.sample_index, a.severity, a.distance, str(a.features)) for a in page.items)
    return results, columns, flags, [chunk.metadata for chunk in points], anomalies


@pytest.mark.parametrize(
    ("detector", "ewma"),
    [("feature_mahalanobis", None), ("feature_mahalanobis", 0.2), ("t2_spe", 0.2), ("map_mahalanobis", 0.2)],
)
async def test_several_workers_give_the_results_of_one(
    place: Workplace, detector: str, ewma: float | None
) -> None:
    """Bit for bit, even if a chunk depends on those before it."""
    normal = await baseline(place, detector=detector, ewma=ewma)
    alone = await place.monitored(normal, TABLE)
    await place.do(alone)
    shared = await place.monitored(normal, TABLE)
    await place.do(shared, Kind.ANALYSIS)
    # On the map, a chunk's state is known only once those before it are scored, so they follow each other.
    chained = (detector, ewma) == ("map_mahalanobis", 0.2)
    assert await place.jobs(shared) == (ALL_CHUNKS[:1] if chained else ALL_CHUNKS)
    await asyncio.gather(*(place.do(shared) for _ in range(3)))
    await place.do(shared)
    found = await outcome(place, shared)
    assert found == await outcome(place, alone)
    assert set(ABNORMAL) <= {index for index, *_ in found[-1]}


async def test_chunks_are_scored_while_the_file_is_still_read(place: Workplace) -> None:
    run = await place.monitored(await baseline(place), TABLE)
    store = GatedStore(place)
    reading = asyncio.create_task(place.do(run, Kind.ANALYSIS, store=store))
    await store.gate.reached.wait()
    await place.do(run, Kind.CHUNK)
    assert await place.count("monitor_data", run) == 2
    assert await place.jobs(run) == [(Kind.ANALYSIS, True)]
    store.gate.open.set()
    await reading
    await place.do(run)
    await outcome(place, run)


async def test_all_chunks_are_scored_before_the_reader_ends(place: Workplace) -> None:
    """In this case the reader enqueues the join."""
    run = await place.monitored(await baseline(place), TABLE)
    reader, scorer = place.worker(run, Kind.ANALYSIS), place.worker(run, Kind.CHUNK, Kind.JOIN)
    async with background(*(loop.run() for worker in (reader, scorer) for loop in worker.loops)):

        async def ended() -> bool:
            return (await place.now(run)).status is Status.COMPLETED

        await eventually(ended)
    await outcome(place, run)


async def test_a_dead_workers_chunk_is_taken_over(place: Workplace) -> None:
    run = await split(place)
    await place.claim(run, Kind.CHUNK, EXPIRED)
    await place.do(run)
    await outcome(place, run)


async def test_a_dead_workers_join_is_taken_over(place: Workplace) -> None:
    run = await split(place)
    await place.do(run, Kind.CHUNK)
    await place.claim(run, Kind.JOIN, EXPIRED)
    await place.do(run)
    await outcome(place, run)


async def test_the_join_waits_for_a_chunk_under_a_live_lease(place: Workplace) -> None:
    run = await split(place)
    await place.claim(run, Kind.CHUNK, LEASE)
    await place.do(run)
    assert await place.jobs(run) == [(Kind.CHUNK, True)]
    assert (await place.now(run)).status is Status.PROCESSING
    await place.take_away(run, Kind.CHUNK)
    await place.do(run)
    await outcome(place, run)


async def test_a_late_result_changes_nothing(place: Workplace) -> None:
    """A worker scores a chunk after another one has taken it over and the run has completed."""
    run = await split(place)
    slow = GatedScorer(place)
    late = asyncio.create_task(place.do(run, Kind.CHUNK, scorer=slow))
    await slow.gate.reached.wait()
    await place.take_away(run, Kind.CHUNK)
    await place.do(run)
    before = await outcome(place, run)
    slow.gate.open.set()
    await late
    assert await outcome(place, run) == before


async def test_chunks_of_a_dead_attempt_are_discarded(place: Workplace) -> None:
    """The reader died and another one started over, while a chunk of the first was being scored."""
    run = await place.monitored(await baseline(place), TABLE)
    store, slow = GatedStore(place), GatedScorer(place)
    dying = asyncio.create_task(place.do(run, Kind.ANALYSIS, store=store))
    await store.gate.reached.wait()
    late = asyncio.create_task(place.do(run, Kind.CHUNK, scorer=slow))
    await slow.gate.reached.wait()
    await place.take_away(run, Kind.ANALYSIS)
    await place.do(run, Kind.ANALYSIS)
    slow.gate.open.set()
    store.gate.open.set()
    await asyncio.gather(late, dying)
    await place.do(run)
    await outcome(place, run)


async def test_a_rejected_run_leaves_nothing(place: Workplace) -> None:
    # Files are parsed by the megabyte: the first chunks come long before the bad row.
    rows = 40 * CHUNK_SAMPLES
    lines = csv(samples(rows)).decode().splitlines()
    lines[rows - 20] = lines[rows - 20].rsplit(",", 1)[0] + ",Kaputt"
    run = await place.monitored(await baseline(place), "\n".join(lines).encode())
    store = GatedStore(place)
    reading = asyncio.create_task(place.do(run, Kind.ANALYSIS, store=store))
    await store.gate.reached.wait()
    await place.do(run, Kind.CHUNK)
    assert await place.count("monitor_data", run) == 2
    store.gate.open.set()
    await reading
    found = await place.now(run)
    assert found.status is Status.FAILED
    assert found.error is not None
    assert (found.error["row"], found.error["column"]) == (rows - 19, "f_7")
    for table in TABLES:
        assert await place.count(table, run) == 0
    assert await place.jobs(run) == []
    assert await place.events(run, "anomaly.detected") == 0


async def test_a_chunk_that_cannot_be_scored_fails_its_run(place: Workplace) -> None:
    run = await split(place)
    await place.do(run, scorer=GatedScorer(place, NoModels(place.storage)))
    found = await place.now(run)
    assert found.status is Status.FAILED
    assert found.error is not None
    assert found.error["message"] == INTERNAL_ERROR
    assert await place.jobs(run) == []
    assert await place.events(run, "analysis.failed") == 1


async def test_a_chunk_that_kills_its_workers_fails_its_run(place: Workplace) -> None:
    run = await split(place)
    await place.admin.execute(
        "UPDATE analysis.jobs SET attempts = 3 WHERE subject_id = $1 AND args = '{\"process_order\": 2}'",
        run.id,
    )
    await place.do(run)
    found = await place.now(run)
    assert found.error is not None
    assert found.error["message"] == WORKER_DIED
    assert await place.jobs(run) == []


async def test_a_worker_that_is_shut_down_gives_its_chunk_back(place: Workplace) -> None:
    run = await split(place)
    slow = GatedScorer(place)
    worker = place.worker(run, Kind.CHUNK, scorer=slow)
    async with background(*(loop.run() for loop in worker.loops)):
        await slow.gate.reached.wait()
    await worker.stop()
    assert await place.jobs(run) == ALL_CHUNKS
    await place.do(run)
    await outcome(place, run)


async def test_a_machine_deleted_while_its_run_is_scored(place: Workplace) -> None:
    run = await split(place)
    slow = GatedScorer(place)
    scoring = asyncio.create_task(place.do(run, Kind.CHUNK, scorer=slow))
    await slow.gate.reached.wait()
    async with place.units(Scope(organization_id=run.organization_id)) as unit:
        await unit.machines.purge(run.machine_id)
    slow.gate.open.set()
    await scoring
    for table in TABLES:
        assert await place.count(table, run) == 0
    assert await place.jobs(run) == []
    assert await place.events(run, "analysis.completed") + await place.events(run, "analysis.failed") == 0


async def test_jobs_of_an_ended_run_are_ended_too(place: Workplace) -> None:
    """Whatever their origin, such jobs are neither run nor claimed again."""
    run = await split(place)
    await place.admin.execute("UPDATE analysis.analyses SET status = 'failed' WHERE id = $1", run.id)
    await place.do(run)
    assert await place.jobs(run) == []
