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
from services.analysis.domain import AnalysisType
from services.analysis.engine import EngineConfig, deterioration
from services.analysis.errors import BadRange, NoBaseline
from services.analysis.health.domain import MachineHealth
from services.analysis.health.errors import NothingMonitored
from services.analysis.machines.domain import MachineRef
from services.analysis.results.domain import PointChunk

Floats = NDArray[np.float64]
MAX_RUNS = 50
MAX_DAILY_COUNTS = 400
UNKNOWN = "unknown"


class HealthService:
    async def health(self, unit: Unit, machine: MachineRef) -> MachineHealth:
        """Return the machine's state with its reasons and its history."""
        machine_id = machine.id
        runs = await unit.analyses.newest(machine_id, AnalysisType.MONITORING, MAX_RUNS, archived=True)
        daily = await unit.anomalies.daily(machine_id, None, None, MAX_DAILY_COUNTS)
        active = await unit.baselines.active(machine_id)
        proposal = await self._proposal(unit, machine_id, active)
        if not runs:
            reasons = ["no monitoring run is completed yet"]
            return MachineHealth(machine_id, UNKNOWN, reasons, [], daily, None, _noted(proposal))
        results = runs[0].results or {}
        newest: Mapping[str, Any] = results.get("health") or {}
        # If another baseline judges from now on, what the run says about drift is about the former one.
        judged = active is not None and runs[0].baseline_id == active.analysis_id
        drift = results.get("drift") if judged else None
        return MachineHealth(
            machine_id,
            newest.get("state", UNKNOWN),
            newest.get("reasons", []),
            list(reversed(runs)),
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
        newest = await unit.analyses.newest(machine_id, AnalysisType.MONITORING, MAX_RUNS)
        runs = [run for run in reversed(newest) if run.dinsight_id == dinsight_id]
        chunks = [chunk for run in runs for chunk in await unit.results.monitor_points(run.id, 0, None)]
        if normal is None or not chunks:
            raise NothingMonitored(name)
        config = await unit.configs.get(baseline.config_id or 0)
        limits = engine_config(config) if config is not None else EngineConfig()
        found = await asyncio.to_thread(_wear, chunks, normal, by, limits)
        return {
            "machine_id": machine_id,
            "baseline_id": baseline.id,
            "analysis_ids": [run.id for run in runs],
            "by": by,
            "deteriorating_wear": limits.deteriorating_wear,
            "failing_wear": limits.failing_wear,
            **found,
        }


def _noted(*notes: Mapping[str, Any] | None) -> Sequence[Mapping[str, Any]]:
    return [note for note in notes if note is not None]


def _wear(
    chunks: Sequence[PointChunk], normal: PointChunk, by: str | None, limits: EngineConfig
) -> dict[str, Any]:
    positions = np.concatenate([np.column_stack((chunk.x, chunk.y)) for chunk in chunks])
    baseline = np.column_stack((normal.x, normal.y))
    order: Any = np.arange(len(positions), dtype=np.float64) if by is None else _order(chunks, by)
    return deterioration(order, positions, baseline, failing=limits.failing_wear).as_dict()


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
