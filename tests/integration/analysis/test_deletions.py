"""Deleting what the analysis service has: exact counts, also after kills; late workers bring nothing back."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import ParamSpec, TypeVar
from uuid import UUID, uuid4

import orjson
import pytest

from services.analysis.deletions.steps import steps
from services.analysis.domain import Analysis, Status
from services.analysis.jobs.domain import Kind
from shared.access import Scope
from shared.clock import SystemClock
from shared.erasure.eraser import Eraser, Steps, accept
from shared.erasure.steps import Erased, Erasing, Step
from shared.events.base import Event
from shared.events.deletions import DELETION_REQUESTED, DeletionKind, DeletionReported, DeletionRequested
from tests.integration.analysis.client import csv, samples
from tests.integration.analysis.workplace import LEASE, GatedFitter, Workplace
from tests.support.traces import mentions

P = ParamSpec("P")
T = TypeVar("T")
LONG_AGO = datetime(2026, 1, 1, tzinfo=UTC)
# Tombstones, and the events of the deletion itself.
ALLOWED = {
    "analysis.machine_refs": "deleted AND name = ''",
    "analysis.outbox": "topic IN ('audit.recorded', 'deletion.reported')",
}


class Unhurried:
    """A lease that nobody takes away."""

    def checkpoint(self) -> None:
        return

    async def turn(self) -> None:
        return

    async def compute(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.to_thread(function, *args, **kwargs)


class Killed(BaseException):
    """Stands for kill -9: nothing that a program does when it fails is done."""


class Deadly(Step):
    """Kills the program at the end of the first batches of a step, before and after their commit."""

    def __init__(self, step: Step, deaths: list[str]) -> None:
        self._step = step
        self._deaths = deaths

    async def prepare(self, *arguments: object) -> None:
        await self._step.prepare(*arguments)  # type: ignore[arg-type]  # passed on as they came
        if "prepared" in self._deaths:
            self._deaths.remove("prepared")
            raise Killed

    async def erase(self, erasing: Erasing) -> Erased:
        erased = await self._step.erase(erasing)
        if "erased" in self._deaths:
            self._deaths.remove("erased")
            raise Killed
        return erased


def deadly(every: Steps) -> tuple[Steps, list[list[str]]]:
    """The steps, each of which kills twice."""
    deaths: list[list[str]] = []

    def armed(step: Step) -> Step:
        deaths.append(["prepared", "erased"])
        return Deadly(step, deaths[-1])

    return {kind: tuple(armed(step) for step in found) for kind, found in every.items()}, deaths


def eraser(place: Workplace, every: Steps | None = None) -> Eraser:
    queries = place.units.queries
    return Eraser(
        "analysis",
        place.database,
        place.units.queue,
        SystemClock(),
        uuid4,
        queries,
        every or steps(place.storage, queries),
    )


async def request(
    place: Workplace, kind: DeletionKind, subject_id: UUID, organization_id: UUID
) -> DeletionRequested:
    """What the handler does with the event, twice."""
    deletion = DeletionRequested(
        deletion_id=uuid4(),
        kind=kind,
        subject_id=subject_id,
        organization_id=organization_id,
        requested_by=uuid4(),
        requested_at=LONG_AGO,
        backups_expire_at=LONG_AGO,
    )
    event = Event(uuid4(), DELETION_REQUESTED, str(subject_id), organization_id, LONG_AGO, deletion)
    for _ in range(2):
        async with place.units(Scope(organization_id=organization_id)) as unit:
            await accept(unit.jobs, event)
    return deletion


async def reports(place: Workplace, deletion: DeletionRequested) -> list[DeletionReported]:
    rows = await place.admin.fetch(
        "SELECT value FROM analysis.outbox WHERE topic = 'deletion.reported' AND key = $1",
        str(deletion.subject_id),
    )
    return [DeletionReported.model_validate(orjson.loads(row["value"])) for row in rows]


async def completed(place: Workplace) -> tuple[Analysis, Analysis]:
    """A baseline and a run with anomalies."""
    baseline = await place.uploaded()
    await place.do(baseline)
    run = await place.monitored(baseline, csv(samples(600, shifted=range(100, 140))))
    await place.do(run)
    return await place.now(baseline), await place.now(run)


async def files(place: Workplace) -> list[str]:
    return [key for key, _ in await place.storage.list("")]


@pytest.mark.parametrize("kind", ["machine", "organization"])
async def test_everything_goes_and_is_counted_once_however_often_the_program_is_killed(
    place: Workplace, kind: DeletionKind
) -> None:
    baseline, run = await completed(place)
    neighbours = await completed(place)
    anomalies = await place.count("anomalies", run)
    assert anomalies > 0
    before = await files(place)
    organization_id = baseline.organization_id
    subject_id = baseline.machine_id if kind == "machine" else organization_id
    # The run came with a machine of its own.
    deletion = await request(place, kind, subject_id, organization_id)
    every, deaths = deadly(steps(place.storage, place.units.queries))
    attempts = 0
    while not await reports(place, deletion):
        attempts += 1
        [job] = await place.units.queue.claim("deletion", 1, lease=LEASE)
        try:
            await eraser(place, every).run(job, Unhurried())
        except Killed:
            await place.admin.execute(
                "UPDATE analysis.jobs SET lease_until = clock_timestamp() - interval '1 s' WHERE id = $1",
                job.id,
            )
    killed = sum(2 - len(each) for each in deaths)
    assert attempts == killed + 1 > 10
    [report] = await reports(place, deletion)
    assert report.rows["analyses"] == report.rows["file_uploads"] == 2
    assert report.rows["anomalies"] == anomalies
    assert report.rows["dinsight_data"] == 1
    # Two uploads and a model.
    assert report.objects == 3
    assert len(before) - len(await files(place)) == 3
    ids = {str(each.id) for each in (baseline, run)} | {str(run.file_upload_id), str(subject_id)}
    for wanted in ids:
        assert await mentions_of(place, wanted) == []
    for neighbour in neighbours:
        assert (await place.now(neighbour)).status is Status.COMPLETED
        assert await place.count("feature_data", neighbour) > 0


async def test_a_worker_that_fits_a_deleted_baseline_stores_nothing(place: Workplace) -> None:
    baseline = await place.uploaded()
    fitter = GatedFitter(place)
    working = asyncio.create_task(place.do(baseline, Kind.ANALYSIS, fitter=fitter))
    await asyncio.wait_for(fitter.gate.reached.wait(), 60)
    deletion = await request(place, "machine", baseline.machine_id, baseline.organization_id)
    assert await eraser(place).worker().run_due() == 1
    fitter.gate.open.set()
    await working
    [report] = await reports(place, deletion)
    assert report.rows["analyses"] == 1
    for wanted in (baseline.id, baseline.file_upload_id, baseline.machine_id):
        assert await mentions_of(place, str(wanted)) == []
        assert [key for key in await files(place) if str(wanted) in key] == []


async def test_a_machine_that_is_deleted_before_it_is_known_stays_deleted(place: Workplace) -> None:
    """Events of different topics overtake each other."""
    machine_id, organization_id = uuid4(), uuid4()
    await request(place, "machine", machine_id, organization_id)
    await eraser(place).worker().run_due()
    late = await place.uploaded(organization=organization_id)
    async with place.units(Scope(organization_id=organization_id)) as unit:
        known = await unit.machines.get(late.machine_id)
        assert known is not None
        await unit.machines.merge(replace(known, id=machine_id))
        found = await unit.machines.get(machine_id)
    assert found is not None
    assert (found.deleted, found.name) == (True, "")


async def mentions_of(place: Workplace, wanted: str) -> list[str]:
    return await mentions(place.admin, wanted, ALLOWED)
