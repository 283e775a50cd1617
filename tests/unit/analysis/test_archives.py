"""Requests to archive and restore: what is refused, and that one job is queued for many requests."""

from dataclasses import replace
from datetime import UTC, datetime
from uuid import uuid4

import pytest

from services.analysis.archives.archiver import check
from services.analysis.archives.domain import Archive, Obstacles
from services.analysis.archives.errors import (
    ArchiveExpired,
    BaselineInUse,
    NotArchived,
    NotCompleted,
    OnLegalHold,
    UploadShared,
)
from services.analysis.archives.service import ArchiveService
from services.analysis.domain import Analysis, Status
from shared.access import Scope
from shared.audit import Auditor
from shared.clock import time_ordered_id
from shared.errors import Conflict
from shared.events.auth import AUDIT_RECORDED
from tests.support.fakes import FakeClock, caller
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
    archive = Archive(
        analysis_id=analysis.id,
        organization_id=analysis.organization_id,
        prefix="archives/1/2",
        manifest_sha256="",
        bytes=1,
        is_baseline=True,
        map_id=analysis.dinsight_id,
        model_key=None,
        archived_at=NOW,
    )
    memory.archives[analysis.id] = archive
    async with place.units(place.caller.scope) as unit:
        queued = await place.service.restore(unit, place.caller, analysis.id)
        assert queued.stage == "restoring"
        memory.archives[analysis.id] = replace(archive, expired_at=NOW)
        with pytest.raises(ArchiveExpired, match="2026-01-01"):
            await place.service.restore(unit, place.caller, analysis.id)


async def test_another_organizations_analysis_is_not_there(place: Place) -> None:
    analysis = await place.old_baseline()
    async with place.units(Scope(organization_id=uuid4())) as unit:
        assert await unit.archives.lock(analysis.id) is None
