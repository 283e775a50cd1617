"""Versions of baselines in memory."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.analysis.baselines.domain import ActiveBaseline, BaselineVersion
from services.analysis.domain import Analysis, AnalysisType, Status
from shared.http.pages import Cursor, PageRequest, Slice
from tests.unit.analysis.database.fakes.memory import Scoped, cut_page


class FakeBaselines(Scoped):
    """What runs turned out to be is known to the database alone."""

    async def active(self, machine_id: UUID) -> ActiveBaseline | None:
        completed = {a.id: a for a in self._of(machine_id) if a.status is Status.COMPLETED}
        chosen = self._memory.choices.get(machine_id)
        if chosen is not None and chosen.analysis_id in completed:
            return chosen
        newest = max(completed.values(), key=lambda a: (a.completed_at, a.id), default=None)
        return None if newest is None else ActiveBaseline(newest.id, False, None, newest.completed_at)

    async def hold(self, machine_id: UUID) -> int:
        return max((a.baseline_version or 0 for a in self._of(machine_id)), default=0)

    async def choose(
        self, machine_id: UUID, analysis_id: UUID | None, *, by: UUID | None, at: datetime | None
    ) -> None:
        self._memory.choices.pop(machine_id, None)
        if analysis_id is not None:
            self._memory.choices[machine_id] = ActiveBaseline(analysis_id, True, by, at)

    async def list(self, machine_id: UUID, page: PageRequest) -> Slice[BaselineVersion]:
        versions = await self._versions(machine_id)
        return cut_page(versions, page, lambda each: Cursor(each.created_at, each.analysis_id))

    async def get(self, machine_id: UUID, analysis_id: UUID) -> BaselineVersion | None:
        versions = await self._versions(machine_id)
        return next((each for each in versions if each.analysis_id == analysis_id), None)

    def _of(self, machine_id: UUID) -> Sequence[Analysis]:
        return [
            a
            for a in self._memory.analyses.values()
            if self._mine(a) and (a.machine_id, a.analysis_type) == (machine_id, AnalysisType.BASELINE)
        ]

    async def _versions(self, machine_id: UUID) -> Sequence[BaselineVersion]:
        active = await self.active(machine_id)
        ended = [a for a in self._of(machine_id) if a.status in (Status.COMPLETED, Status.ARCHIVED)]
        completed = [a for a in ended if a.status is Status.COMPLETED]
        newest = max(completed, key=lambda a: (a.completed_at, a.id), default=None)
        return [_version(a, active, newest) for a in ended if a.baseline_version is not None]


def _version(a: Analysis, active: ActiveBaseline | None, newest: Analysis | None) -> BaselineVersion:
    mine = active is not None and active.analysis_id == a.id
    return BaselineVersion(
        analysis_id=a.id,
        number=a.baseline_version or 0,
        status=a.status,
        created_at=a.created_at,
        created_by=a.created_by,
        completed_at=a.completed_at,
        config_id=a.config_id,
        results=a.results,
        active=mine,
        by_hand=active.by_hand if active is not None and mine else False,
        activated_by=active.activated_by if active is not None and mine else None,
        activated_at=active.activated_at if active is not None and mine else None,
        proposed=newest is not None and newest.id == a.id and not mine,
        runs=0,
        normal_samples=0,
        normal_anomalies=0,
    )
