"""Requests to archive and restore: what is refused, and that one job is queued for many requests."""

import hashlib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest

from services.analysis.archives.archiver import Archiver, End, check, nothing
from services.analysis.archives.domain import FORMAT, MANIFEST, Archive, Manifest, Obstacles
from services.analysis.archives.errors import (
    ArchiveExpired,
    BaselineInUse,
    NotArchived,
    NotCompleted,
    OnLegalHold,
    UploadShared,
)
from services.analysis.archives.service import ArchiveService
from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.objects.store import Storage
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import time_ordered_id
from shared.errors import Conflict
from shared.events.auth import AUDIT_RECORDED
from tests.support.fakes import FakeClock, FakePartitions, caller
from tests.unit.analysis.database.examples import completed
from tests.unit.analysis.database.fakes import FakeUnits

NOTHING = Obstacles(legal_hold=False, active_baseline=False, runs=frozenset(), shared_upload=False)
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Place:
    """Two completed baselines, of which the second is active."""

    def __init__(self) -> None:
        self.units = FakeUnits()
        self.caller = caller()
        self.service = ArchiveService(time_ordered_id, Auditor(FakeClock()))

    async def old_baseline(self) -> Analysis:
        async with self.units(self.caller.scope) as unit:
            old = await completed(unit, self.caller.scope)
            newer = await completed(unit, self.caller.scope)
        assert old.completed_at is not None
        assert newer.completed_at is not None
        newer = replace(newer, machine_id=old.machine_id, completed_at=newer.completed_at.replace(year=2100))
        self.units.memory.analyses[newer.id] = newer
        return old

    async def jobs(self, analysis: Analysis) -> int:
        return await self.units.queue.cancel([analysis.id])


@pytest.fixture
def place() -> Place:
    return Place()


def archive_of(analysis: Analysis, *, manifest_sha256: str = "") -> Archive:
    return Archive(
        analysis_id=analysis.id,
        organization_id=analysis.organization_id,
        prefix=f"archives/{analysis.id}/1",
        manifest_sha256=manifest_sha256,
        bytes=1,
        is_baseline=analysis.analysis_type is AnalysisType.BASELINE,
        map_id=analysis.dinsight_id,
        model_key=None,
        archived_at=NOW,
    )


@pytest.mark.parametrize(
    ("obstacles", "error"),
    [
        (replace(NOTHING, legal_hold=True), OnLegalHold),
        (replace(NOTHING, active_baseline=True), BaselineInUse),
        (replace(NOTHING, runs=frozenset({uuid4()})), BaselineInUse),
        (replace(NOTHING, shared_upload=True), UploadShared),
    ],
)
async def test_each_obstacle_has_its_error(place: Place, obstacles: Obstacles, error: type[Conflict]) -> None:
    analysis = await place.old_baseline()
    check(analysis, NOTHING)
    with pytest.raises(error):
        check(analysis, obstacles)


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.COMPLETED])
async def test_only_completed_analyses_can_be_archived(place: Place, status: Status) -> None:
    analysis = replace(await place.old_baseline(), status=status)
    with pytest.raises(NotCompleted, match=status):
        check(analysis, NOTHING)


async def test_many_requests_make_one_job_and_one_entry_of_the_trail(place: Place) -> None:
    analysis = await place.old_baseline()
    async with place.units(place.caller.scope) as unit:
        for _ in range(3):
            queued = await place.service.archive(unit, place.caller, analysis.id)
            assert (queued.status, queued.stage) == (Status.COMPLETED, "archiving")
    assert await place.jobs(analysis) == 1
    [entry] = place.units.outbox.payloads(AUDIT_RECORDED)
    assert (entry.action, entry.resource_id) == ("analysis.archive_requested", analysis.id)


async def test_only_archived_analyses_can_be_restored(place: Place) -> None:
    analysis = await place.old_baseline()
    async with place.units(place.caller.scope) as unit:
        with pytest.raises(NotArchived, match="completed"):
            await place.service.restore(unit, place.caller, analysis.id)


async def test_an_expired_archive_cannot_be_restored(place: Place) -> None:
    analysis = await place.old_baseline()
    memory = place.units.memory
    memory.analyses[analysis.id] = replace(analysis, status=Status.ARCHIVED)
    archive = archive_of(analysis)
    memory.archives[analysis.id] = archive
    async with place.units(place.caller.scope) as unit:
        queued = await place.service.restore(unit, place.caller, analysis.id)
        assert queued.stage == "restoring"
        memory.archives[analysis.id] = replace(archive, expired_at=NOW)
        with pytest.raises(ArchiveExpired, match="2026-01-01"):
            await place.service.restore(unit, place.caller, analysis.id)


class Rival(Archiver):
    """While it restores a run, its baseline comes back by other means: with another run, or to be deleted."""

    def __init__(self, place: Place, storage: Storage, baseline: Analysis, becomes: Status) -> None:
        parts = FakePartitions(), storage, FakeClock(), time_ordered_id
        super().__init__(place.units, *parts, restored=timedelta(days=30))
        self._memory = place.units.memory
        self._baseline = baseline
        self._becomes = becomes

    async def restore(
        self, scope: Scope, analysis_id: UUID, *, by: UUID | None = None, end: End = nothing
    ) -> None:
        if analysis_id == self._baseline.id:
            self._memory.analyses[analysis_id] = replace(self._baseline, status=self._becomes)
            del self._memory.archives[analysis_id]
        await super().restore(scope, analysis_id, by=by, end=end)


async def archived_run(place: Place, storage: Storage) -> tuple[Analysis, Analysis]:
    """An archived baseline and a run of it, without rows."""
    baseline, memory = await place.old_baseline(), place.units.memory
    run = replace(baseline, id=uuid4(), analysis_type=AnalysisType.MONITORING, baseline_id=baseline.id)
    for analysis in (baseline, run):
        manifest = Manifest(FORMAT, {}, [], None, None).encode()
        archive = archive_of(analysis, manifest_sha256=hashlib.sha256(manifest).hexdigest())
        await storage.put(f"{archive.prefix}/{MANIFEST}", manifest)
        memory.analyses[analysis.id] = replace(analysis, status=Status.ARCHIVED)
        memory.archives[analysis.id] = archive
    return baseline, run


async def test_of_runs_that_are_restored_at_once_each_comes_back(place: Place) -> None:
    storage = Storage.at("memory:///")
    baseline, run = await archived_run(place, storage)
    await Rival(place, storage, baseline, Status.COMPLETED).restore(place.caller.scope, run.id)
    analyses = place.units.memory.analyses
    assert [analyses[each.id].status for each in (baseline, run)] == [Status.COMPLETED] * 2
    assert place.units.memory.archives == {}


async def test_a_run_is_not_restored_without_its_baseline(place: Place) -> None:
    storage = Storage.at("memory:///")
    baseline, run = await archived_run(place, storage)
    with pytest.raises(NotArchived, match="deleting"):
        await Rival(place, storage, baseline, Status.DELETING).restore(place.caller.scope, run.id)
    assert place.units.memory.analyses[run.id].status is Status.ARCHIVED


async def test_another_organizations_analysis_is_not_there(place: Place) -> None:
    analysis = await place.old_baseline()
    async with place.units(Scope(organization_id=uuid4())) as unit:
        assert await unit.archives.lock(analysis.id) is None
