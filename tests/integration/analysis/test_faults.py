"""Whatever dies, an analysis ends exactly once. No broker here: the events are handed over by the tests."""

import asyncio
from datetime import timedelta
from uuid import uuid4

import pytest

from services.analysis.database.jobs import FeatureChunk
from services.analysis.domain import Status
from services.analysis.jobs.janitor import Reconciler
from services.analysis.jobs.runner import OUR_FAULT, WORKER_DIED
from shared.access import Scope
from tests.integration.analysis.client import samples
from tests.integration.analysis.workplace import (
    EXPIRED,
    BrokenComputer,
    GatedComputer,
    Workplace,
    received,
)


async def test_an_event_that_comes_twice_is_done_once(place: Workplace) -> None:
    analysis, event = await place.uploaded(), None
    event = received(analysis)
    await place.processor().handle(event)
    await place.processor().handle(event)
    await place.ended_once(analysis, Status.COMPLETED)


async def test_two_workers_at_once(place: Workplace) -> None:
    analysis = await place.uploaded()
    await asyncio.gather(*(place.processor().handle(received(analysis)) for _ in range(3)))
    found = await place.ended_once(analysis, Status.COMPLETED)
    assert found.attempts == 1


async def test_a_killed_workers_analysis_is_taken_over(place: Workplace) -> None:
    """It had stored a chunk; what it left is wiped, and nobody takes the work before the lease is over."""
    analysis = await place.uploaded()
    await place.claim(analysis, EXPIRED)
    chunk = FeatureChunk(
        uuid4(), analysis.organization_id, analysis.file_upload_id, 0, 0, samples(5), [{"load": "low"}] * 5
    )
    async with place.units(Scope(organization_id=analysis.organization_id)) as unit:
        await unit.work.add_features(chunk.encoded())
    reconciler = Reconciler(place.units, place.settings)
    assert await reconciler.round() == 1
    assert await place.events(analysis, "upload.received") == 1
    assert await reconciler.round() == 0
    await place.processor().handle(received(analysis))
    found = await place.ended_once(analysis, Status.COMPLETED)
    assert found.attempts == 2


async def test_a_living_lease_is_respected(place: Workplace) -> None:
    analysis = await place.uploaded()
    await place.claim(analysis, timedelta(minutes=1))
    await place.processor().handle(received(analysis))
    assert (await place.now(analysis)).status is Status.PROCESSING
    assert await Reconciler(place.units, place.settings).round() == 0


async def test_a_forgotten_upload_is_put_back_after_a_while(place: Workplace) -> None:
    analysis = await place.uploaded()
    hasty = Reconciler(place.units, place.settings.model_copy(update={"pending_patience_seconds": 0.0}))
    assert await hasty.round() >= 1
    assert await place.events(analysis, "upload.received") >= 1
    # It was put back just now: the patient one leaves it alone.
    assert await Reconciler(place.units, place.settings).round() == 0


@pytest.mark.parametrize("pulse_seconds", [0.02, 3600.0], ids=["noticed", "unnoticed"])
async def test_a_worker_that_lost_its_lease_writes_nothing(place: Workplace, pulse_seconds: float) -> None:
    """It was silent too long, another worker did the work, and then it wakes up with its result."""
    analysis = await place.uploaded()
    slow = GatedComputer(place.storage)
    processor = place.processor(slow, progress_seconds=pulse_seconds)
    sleeper = asyncio.create_task(processor.handle(received(analysis)))
    await slow.reached.wait()
    await place.admin.execute(
        "UPDATE analysis.analyses SET lease_until = now() - interval '1 s', lease_token = $2 WHERE id = $1",
        analysis.id,
        uuid4(),
    )
    await place.processor().handle(received(analysis))
    slow.gate.set()
    await sleeper
    found = await place.ended_once(analysis, Status.COMPLETED)
    assert found.attempts == 2


async def test_the_heartbeat_keeps_a_long_analysis(place: Workplace) -> None:
    analysis = await place.uploaded()
    slow = GatedComputer(place.storage)
    working = asyncio.create_task(place.processor(slow).handle(received(analysis)))
    await slow.reached.wait()
    query = "SELECT lease_until FROM analysis.analyses WHERE id = $1"
    first = await place.admin.fetchval(query, analysis.id)
    for _ in range(600):
        if await place.admin.fetchval(query, analysis.id) > first:
            break
        await asyncio.sleep(0.05)
    assert await place.admin.fetchval(query, analysis.id) > first
    slow.gate.set()
    await working
    await place.ended_once(analysis, Status.COMPLETED)


async def test_a_fault_of_ours_is_tried_three_times(place: Workplace) -> None:
    analysis = await place.uploaded()
    for attempt in (1, 2, 3):
        assert await place.events(analysis, "upload.received") == attempt - 1
        await place.processor(BrokenComputer(place.storage)).handle(received(analysis))
    found = await place.ended_once(analysis, Status.FAILED)
    assert found.error is not None
    assert found.error["message"] == OUR_FAULT
    assert found.attempts == 3


async def test_a_file_that_kills_its_workers_is_given_up(place: Workplace) -> None:
    analysis = await place.uploaded()
    for _ in range(3):
        await place.claim(analysis, EXPIRED)
    await place.processor().handle(received(analysis))
    found = await place.ended_once(analysis, Status.FAILED)
    assert found.error is not None
    assert found.error["message"] == WORKER_DIED


async def test_a_shutdown_gives_the_work_back(place: Workplace) -> None:
    analysis = await place.uploaded()
    slow = GatedComputer(place.storage)
    working = asyncio.create_task(place.processor(slow).handle(received(analysis)))
    await slow.reached.wait()
    working.cancel()
    with pytest.raises(asyncio.CancelledError):
        await working
    found = await place.now(analysis)
    assert (found.status, found.attempts) == (Status.PENDING, 0)
    assert await place.events(analysis, "upload.received") == 1
    await place.processor().handle(received(analysis))
    await place.ended_once(analysis, Status.COMPLETED)
