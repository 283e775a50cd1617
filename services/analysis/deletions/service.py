"""Takes requests to delete analyses. A job deletes them."""

from collections.abc import Sequence
from uuid import UUID

from services.analysis.database.unit import Unit, Units
from services.analysis.deletions.errors import BaselineInUse, BeingDeleted, OnLegalHold, TooManyRuns
from services.analysis.domain import Analysis, Status
from services.analysis.errors import AnalysisNotFound
from services.analysis.machines.directory import MachineDirectory
from shared.access import Caller
from shared.audit import Auditor
from shared.erasure.requests import DeletionRequests
from shared.events.deletions import DeletionRequested

# The event names them all, and must stay well below the broker's megabyte.
MAX_RUNS = 5_000


class DeletionService:
    def __init__(
        self, units: Units, machines: MachineDirectory, deletions: DeletionRequests, auditor: Auditor
    ) -> None:
        self._units = units
        self._machines = machines
        self._deletions = deletions
        self._auditor = auditor

    async def check_hold(self, caller: Caller, analysis_id: UUID) -> None:
        """Ask the machines service, outside transactions. Raises OnLegalHold, Unavailable."""
        async with self._units(caller.scope) as unit:
            analysis = await unit.analyses.get(analysis_id)
        if analysis is not None and await self._machines.is_on_hold(caller, analysis.machine_id):
            raise OnLegalHold(analysis_id)

    async def delete(
        self, unit: Unit, caller: Caller, analysis_id: UUID, *, cascade: bool
    ) -> DeletionRequested:
        """End the analysis, if it is running, and request its deletion; with `cascade` its runs' too.

        Raises AnalysisNotFound, BeingDeleted, OnLegalHold, BaselineInUse, TooManyRuns.
        """
        analysis = await unit.archives.lock(analysis_id)
        if analysis is None:
            raise AnalysisNotFound(analysis_id)
        if analysis.status is Status.DELETING:
            raise BeingDeleted(analysis_id)
        obstacles = await unit.archives.obstacles(analysis)
        if obstacles.legal_hold:
            raise OnLegalHold(analysis_id)
        runs = await unit.deletions.lock_runs(analysis_id)
        if not cascade and (runs or obstacles.active_baseline):
            raise BaselineInUse(analysis_id, len(runs), active=obstacles.active_baseline)
        if len(runs) > MAX_RUNS:
            raise TooManyRuns(analysis_id, len(runs), MAX_RUNS)
        return await self._request(unit, caller, analysis, runs)

    async def _request(
        self, unit: Unit, caller: Caller, analysis: Analysis, runs: Sequence[UUID]
    ) -> DeletionRequested:
        deletion = await self._deletions.add(
            unit.outbox,
            "analysis",
            analysis.id,
            organization_id=caller.organization_id,
            requested_by=caller.user_id,
            part_ids=runs,
        )
        deleting = [analysis.id, *runs]
        await unit.deletions.mark(deleting, deletion.deletion_id)
        # A worker that is busy with one of them loses its lease.
        await unit.jobs.cancel(deleting)
        for each in deleting:
            await self._auditor.wrote(
                unit.outbox,
                caller,
                "analysis.deleted",
                "analysis",
                each,
                before={"machine_id": analysis.machine_id},
                after={"deletion_id": deletion.deletion_id},
            )
        return deletion
