"""How a machine is: its state with reasons, its anomalies per day, its wear over an ordered column."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

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
# Runs that are looked back on.
LOOKED_BACK = 50
DAYS_SHOWN = 400
UNKNOWN = "unknown"


class HealthService:
    async def health(self, unit: Unit, machine: MachineRef) -> MachineHealth:
        """The machine's state and how it came to it."""
        machine_id = machine.id
        runs = await unit.uploads.newest(machine_id, AnalysisType.MONITORING, LOOKED_BACK)
        daily = await unit.anomalies.daily(machine_id, None, None, DAYS_SHOWN)
        if not runs:
            reasons = ["no monitoring run is completed yet"]
            return MachineHealth(machine_id, UNKNOWN, reasons, [], daily)
        judged: Mapping[str, Any] = (runs[0].results or {}).get("health") or {}
        return MachineHealth(
            machine_id, judged.get("state", UNKNOWN), judged.get("reasons", []), list(reversed(runs)), daily
        )

    async def deterioration(self, unit: Unit, machine: MachineRef, by: str | None) -> dict[str, Any]:
        """Wear over the metadata column `by` (None: over the samples), on the machine's newest baseline."""
        machine_id, name = machine.id, machine.name
        baselines = await unit.uploads.newest(machine_id, AnalysisType.BASELINE, 1)
        if not baselines or baselines[0].dinsight_id is None:
            raise NoBaseline(name)
        baseline, dinsight_id = baselines[0], baselines[0].dinsight_id
        normal = await unit.results.map_points(dinsight_id, 0, None)
        newest = await unit.uploads.newest(machine_id, AnalysisType.MONITORING, LOOKED_BACK)
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


def _wear(
    chunks: Sequence[PointChunk], normal: PointChunk, by: str | None, limits: EngineConfig
) -> dict[str, Any]:
    places = np.concatenate([np.column_stack((chunk.x, chunk.y)) for chunk in chunks])
    baseline = np.column_stack((normal.x, normal.y))
    order: Any = np.arange(len(places), dtype=np.float64) if by is None else _order(chunks, by)
    return deterioration(order, places, baseline, failing=limits.failing_wear).as_dict()


def _order(chunks: Sequence[PointChunk], by: str) -> list[float] | list[str]:
    """The column's values: numbers when all are, else texts."""
    values: list[Any] = []
    for chunk in chunks:
        samples = orjson.loads(chunk.metadata) if chunk.metadata else []
        for sample in samples:
            if sample.get(by) is None:
                there = ", ".join(sorted(sample)) or "none"
                raise BadRange("by", f"Not every sample has a value in {by!r}. Metadata columns: {there}.")
            values.append(sample[by])
    if all(isinstance(value, int | float) for value in values):
        return [float(value) for value in values]
    return [str(value) for value in values]
