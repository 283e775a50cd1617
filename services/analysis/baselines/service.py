"""Lists the versions of a machine's baseline, compares them, and decides which of them judges."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from numpy.typing import NDArray
from obstore.exceptions import BaseError

from services.analysis.archives.errors import AnalysisArchived
from services.analysis.baselines.domain import BaselineVersion, check_usable
from services.analysis.baselines.errors import NothingToCompare, OtherFeatures
from services.analysis.database.unit import Unit
from services.analysis.domain import Analysis, Status
from services.analysis.engine import BaselineModel, Comparison, compare, judge, spread_starts
from services.analysis.errors import AnalysisNotFound
from services.analysis.machines.domain import MachineRef
from services.analysis.objects.models import ModelStore
from services.analysis.uploads.errors import BaselineUnusable
from shared.access import Caller
from shared.audit import Auditor
from shared.clock import Clock
from shared.errors import Unavailable
from shared.http.pages import PageRequest, Slice

logger = structlog.get_logger(__name__)

Floats = NDArray[np.float64]
# Stored chunks of each baseline that the other one judges: some two thousand samples, evenly spread.
CHUNKS_JUDGED = 4
CHUNK_SAMPLES = 512


@dataclass(frozen=True, slots=True)
class Judged:
    """How one baseline judges samples of the other."""

    samples: int
    anomalies: int
    median_ratio: float


@dataclass(frozen=True, slots=True)
class Compared:
    """`older_by_newer`: the older baseline's samples, judged by the newer one. None if features differ."""

    older: BaselineVersion
    newer: BaselineVersion
    comparison: Comparison
    older_by_newer: Judged | None
    newer_by_older: Judged | None


class BaselineService:
    def __init__(self, models: ModelStore, clock: Clock, auditor: Auditor) -> None:
        self._models = models
        self._clock = clock
        self._auditor = auditor

    async def versions(self, unit: Unit, machine: MachineRef, page: PageRequest) -> Slice[BaselineVersion]:
        return await unit.baselines.list(machine.id, page)

    async def activate(
        self, unit: Unit, caller: Caller, machine: MachineRef, analysis_id: UUID, *, other_features: bool
    ) -> BaselineVersion:
        """Let a baseline judge the machine's next samples, until another one is activated.

        Raises AnalysisNotFound, BaselineUnusable, OtherFeatures.
        """
        # Nobody deletes or archives it until the choice is committed.
        baseline = await unit.analyses.lock_baseline(analysis_id)
        if baseline is None or baseline.machine_id != machine.id:
            raise AnalysisNotFound(analysis_id)
        check_usable(baseline, machine.id)
        await check_model(unit, baseline)
        await unit.baselines.hold(machine.id)
        before = await unit.baselines.active(machine.id)
        if before is None or not before.by_hand or before.analysis_id != analysis_id:
            if before is not None and not other_features:
                await _check_features(unit, baseline, before.analysis_id)
            now = self._clock.now()
            await unit.baselines.choose(machine.id, analysis_id, by=caller.user_id, at=now)
            await self._auditor.wrote(
                unit.outbox,
                caller,
                "baseline.activated",
                "analysis",
                analysis_id,
                before={"active_id": before.analysis_id if before else None},
                after={"machine_id": machine.id, "active_id": analysis_id},
            )
        return await _version(unit, machine.id, analysis_id)

    async def release(self, unit: Unit, caller: Caller, machine: MachineRef) -> None:
        """Let the newest completed baseline judge again, now and whenever one completes."""
        await unit.baselines.hold(machine.id)
        before = await unit.baselines.active(machine.id)
        if before is None or not before.by_hand:
            return
        await unit.baselines.choose(machine.id, None, by=None, at=None)
        await self._auditor.wrote(
            unit.outbox,
            caller,
            "baseline.released",
            "analysis",
            before.analysis_id,
            before={"machine_id": machine.id, "active_id": before.analysis_id},
        )

    async def compare(
        self, unit: Unit, machine: MachineRef, older_id: UUID | None, newer_id: UUID | None
    ) -> Compared:
        """Compare two versions. By default, the newer one is the newest, and the older one that before it.

        Raises AnalysisNotFound, BaselineUnusable, AnalysisArchived, NothingToCompare, Unavailable.
        """
        newest = (await unit.baselines.list(machine.id, PageRequest(limit=20))).items
        usable = [version for version in newest if version.status is Status.COMPLETED]
        if newer_id is None:
            newer_id = next((v.analysis_id for v in usable if v.analysis_id != older_id), None)
        if older_id is None:
            older_id = next((v.analysis_id for v in _before(usable, newer_id)), None)
        if newer_id is None or older_id is None:
            raise NothingToCompare(machine.name)
        older, newer = [await _version(unit, machine.id, wanted) for wanted in (older_id, newer_id)]
        models = [await self._model(unit, machine, version.analysis_id) for version in (older, newer)]
        first, second = models
        comparison = await asyncio.to_thread(compare, first[1], second[1])
        judged: list[Judged | None] = [None, None]
        if first[1].features == second[1].features:
            judged = [
                await self._judged(unit, analysis, by)
                for (analysis, _), (_, by) in ((first, second), (second, first))
            ]
        return Compared(older, newer, comparison, *judged)

    async def _model(
        self, unit: Unit, machine: MachineRef, analysis_id: UUID
    ) -> tuple[Analysis, BaselineModel]:
        baseline = await unit.analyses.get(analysis_id)
        if baseline is None:
            raise AnalysisNotFound(analysis_id)
        if baseline.status is Status.ARCHIVED:
            raise AnalysisArchived(analysis_id)
        check_usable(baseline, machine.id)
        return baseline, await load_model(self._models, unit, baseline)

    @staticmethod
    async def _judged(unit: Unit, analysis: Analysis, by: BaselineModel) -> Judged | None:
        upload = await unit.uploads.get(analysis.file_upload_id)
        if upload is None or not upload.samples:
            return None
        parts: dict[int, Floats] = {}
        for start in spread_starts(upload.samples, CHUNK_SAMPLES, CHUNKS_JUDGED):
            rows = await unit.results.feature_rows(analysis.file_upload_id, start)
            if rows is not None:
                parts[rows.first] = rows.features
        if not parts:
            return None
        summary, median = await asyncio.to_thread(judge, by, list(parts.values()))
        return Judged(summary.samples, summary.anomaly_count, median)


async def check_model(unit: Unit, baseline: Analysis) -> str:
    """Return the key of the baseline's model. Raises BaselineUnusable if it has none."""
    key = None
    if baseline.dinsight_id is not None:
        key = await unit.results.model_key(baseline.dinsight_id)
    if key is None:
        raise BaselineUnusable(baseline.id, "it was imported without its model. Upload a new baseline")
    return key


async def load_model(models: ModelStore, unit: Unit, baseline: Analysis) -> BaselineModel:
    """Return the baseline's model for an answer to a request. Raises BaselineUnusable, Unavailable."""
    key = await check_model(unit, baseline)
    try:
        return await models.load(key)
    except (OSError, BaseError) as error:
        # Not only the store may be away: a model that is missing needs somebody's attention.
        logger.error("model not available", key=key, error=f"{type(error).__name__}: {error}")
        raise Unavailable(
            "The model of the baseline cannot be read from the object store at the moment. Try again later."
        ) from error


async def _check_features(unit: Unit, baseline: Analysis, active_id: UUID) -> None:
    active = await unit.analyses.get(active_id)
    uploads: list[Sequence[str]] = []
    for analysis in (baseline, active):
        upload = await unit.uploads.get(analysis.file_upload_id) if analysis is not None else None
        uploads.append(upload.features or () if upload is not None else ())
    wanted, known = uploads
    if list(wanted) != list(known):
        missing = [name for name in known if name not in set(wanted)]
        raise OtherFeatures(baseline.id, missing, [name for name in wanted if name not in set(known)])


async def _version(unit: Unit, machine_id: UUID, analysis_id: UUID) -> BaselineVersion:
    found = await unit.baselines.get(machine_id, analysis_id)
    if found is None:
        raise AnalysisNotFound(analysis_id)
    return found


def _before(versions: Sequence[BaselineVersion], newer_id: UUID | None) -> Sequence[BaselineVersion]:
    """The versions, newest first, that are older than one of them; all others if it is not among them."""
    ids: list[Any] = [version.analysis_id for version in versions]
    if newer_id not in ids:
        return versions
    return versions[ids.index(newer_id) + 1 :]
