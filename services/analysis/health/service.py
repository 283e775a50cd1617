"""The health of a machine: its state with reasons, daily anomalies, and wear over an ordered column."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np
import orjson
from numpy.typing import NDArray

from services.analysis.baselines.domain import ActiveBaseline, activation
from services.analysis.configs.domain import engine_config
from services.analysis.database.unit import Unit
from services.analysis.domain import Analysis, AnalysisType
from services.analysis.engine import EngineConfig, EngineError, deterioration
from services.analysis.errors import BadRange, NoBaseline
from services.analysis.health.assessment import assess, runs_in_order
from services.analysis.health.domain import MachineHealth, regimes_of
from services.analysis.health.errors import NothingMonitored
from services.analysis.machines.domain import MachineRef
from services.analysis.results.domain import MAX_POINTS, PointChunk

Floats = NDArray[np.float64]
MAX_DAILY_COUNTS = 400
UNKNOWN = "unknown"
NO_RUN: Mapping[str, Any] = {
    "code": "no_run",
    "params": {},
    "text": "no monitoring run is completed yet",
}


class HealthService:
    async def health(self, unit: Unit, machine: MachineRef) -> MachineHealth:
        """Return the machine's state with its reasons and its history."""
        daily = await unit.anomalies.daily(machine.id, None, None, MAX_DAILY_COUNTS)
        active = await unit.baselines.active(machine.id)
        proposal = await self._proposal(unit, machine.id, active)
        runs = await runs_in_order(unit, machine.id, archived=True)
        assessment = await assess(unit, runs)
        if assessment is None:
            reasons, advice = [str(NO_RUN["text"])], _noted(proposal)
            return MachineHealth(machine.id, UNKNOWN, reasons, [NO_RUN], [], daily, None, advice)
        found, ordered = assessment.health.as_dict(), [each.run for each in runs]
        # If another baseline judges from now on, what the last run says about drift is about the former one.
        judged = active is not None and ordered[-1].baseline_id == active.analysis_id
        drift = (ordered[-1].results or {}).get("drift") if judged else None
        return MachineHealth(
            machine.id,
            found["state"],
            found["reasons"],
            found["findings"],
            ordered,
            daily,
            drift,
            _noted((drift or {}).get("advice"), proposal),
        )

    @staticmethod
    async def _proposal(
        unit: Unit, machine_id: UUID, active: ActiveBaseline | None
    ) -> Mapping[str, Any] | None:
        """Return the note of a newer baseline that does not judge, because somebody chose another one."""
        if active is None or not active.by_hand:
            return None
        newest = await unit.analyses.newest(machine_id, AnalysisType.BASELINE, 1)
        if not newest or newest[0].id == active.analysis_id:
            return None
        return activation(newest[0].id, newest[0].baseline_version or 0, active)

    async def deterioration(self, unit: Unit, machine: MachineRef, by: str | None) -> dict[str, Any]:
        """Return the wear on the active baseline over the metadata column `by` (None: over the samples)."""
        machine_id, name = machine.id, machine.name
        active = await unit.baselines.active(machine_id)
        baseline = await unit.analyses.get(active.analysis_id) if active is not None else None
        if baseline is None or baseline.dinsight_id is None:
            raise NoBaseline(name)
        dinsight_id = baseline.dinsight_id
        normal = await unit.results.map_points(dinsight_id, 0, None)
        newest = await runs_in_order(unit, machine_id, archived=False)
        runs, chunks = await _newest_points(unit, [e.run for e in newest if e.run.dinsight_id == dinsight_id])
        if normal is None or not chunks:
            raise NothingMonitored(name)
        config = await unit.configs.get(baseline.config_id or 0)
        limits = engine_config(config) if config is not None else EngineConfig()
        try:
            found = await asyncio.to_thread(_wear, chunks, normal, baseline, by, limits)
        except EngineError as error:
            raise NothingMonitored(name, str(error)) from error
        return {
            "machine_id": machine_id,
            "baseline_id": baseline.id,
            "analysis_ids": [run.id for run in runs],
            "by": by,
            "deteriorating_wear": limits.deteriorating_wear,
            "failing_wear": limits.failing_wear,
            **found,
        }


async def _newest_points(
    unit: Unit, runs: Sequence[Analysis]
) -> tuple[Sequence[Analysis], Sequence[PointChunk]]:
    """Return the newest points of runs, up to a maximum, and the runs that they belong to; oldest first.

    Whole chunks are read, so there may be a few samples more.
    """
    read: list[tuple[Analysis, Sequence[PointChunk]]] = []
    left = MAX_POINTS
    for run in reversed(runs):
        if left <= 0:
            break
        samples = (run.results or {}).get("samples") or 0
        chunks = await unit.results.monitor_points(run.id, max(0, samples - left), None)
        left -= sum(chunk.x.size for chunk in chunks)
        read.append((run, chunks))
    read.reverse()
    return [run for run, _ in read], [chunk for _, chunks in read for chunk in chunks]


def _noted(*notes: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    return [note for note in notes if note is not None]


def _wear(
    chunks: Sequence[PointChunk], normal: PointChunk, baseline: Analysis, by: str | None, limits: EngineConfig
) -> dict[str, Any]:
    known, map_of_normal = normal.distance is not None, _positions([normal])
    centre = np.nanmean(map_of_normal, axis=0)
    own, found = (_distances(some, centre, known=known) for some in ([normal], chunks))
    order: Any = np.arange(len(found), dtype=np.float64) if by is None else _order(chunks, by)
    return deterioration(
        order,
        _positions(chunks),
        found,
        regimes_of(baseline.results, map_of_normal, own),
        failing=limits.failing_wear,
    ).as_dict()


def _positions(chunks: Sequence[PointChunk]) -> Floats:
    return np.concatenate([np.column_stack((chunk.x, chunk.y)) for chunk in chunks])


def _distances(chunks: Sequence[PointChunk], centre: Floats, *, known: bool) -> Floats:
    """Return the distances of samples; those on the map if the baseline was imported without its own."""
    if known:
        return np.concatenate([chunk.distance for chunk in chunks if chunk.distance is not None])
    on_map: Floats = np.linalg.norm(_positions(chunks) - centre, axis=1)
    return on_map


def _order(chunks: Sequence[PointChunk], by: str) -> list[float] | list[str]:
    """Return the column's values, as numbers if all of them are numbers, else as texts."""
    values: list[Any] = []
    for chunk in chunks:
        samples = orjson.loads(chunk.metadata) if chunk.metadata else []
        for sample in samples:
            if sample.get(by) is None:
                columns = ", ".join(sorted(sample)) or "none"
                raise BadRange(
                    "by", f"Some samples have no value in {by!r}. The metadata columns are: {columns}."
                )
            values.append(sample[by])
    if all(isinstance(value, int | float) for value in values):
        return [float(value) for value in values]
    return [str(value) for value in values]
