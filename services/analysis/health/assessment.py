"""Assesses a machine's health from the runs that are stored, the same way whenever it is asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.analysis.configs.domain import engine_config
from services.analysis.database.unit import Unit
from services.analysis.domain import Analysis, AnalysisType
from services.analysis.engine import EngineConfig, Health, assess_health
from services.analysis.health.domain import MAX_RUNS, DatedRun, in_order, normal_rate, run_of, wear_trend


@dataclass(frozen=True, slots=True)
class Assessment:
    """The health of a machine, and the trend of its runs' wear."""

    health: Health
    wear_trend: dict[str, Any] | None

    def results(self) -> dict[str, Any]:
        """Return what the results of a run tell of it."""
        return {"health": self.health.as_dict(), "wear_trend": self.wear_trend}


async def runs_in_order(
    unit: Unit,
    machine_id: UUID,
    *,
    archived: bool,
    ending: Analysis | None = None,
    last_at: datetime | None = None,
) -> list[DatedRun]:
    """Return the machine's newest monitoring runs in the order of their data.

    Among them is the one that is `ending` with its results, and has its newest sample at `last_at`.
    """
    runs = list(await unit.analyses.newest(machine_id, AnalysisType.MONITORING, MAX_RUNS, archived=archived))
    last_times = dict(await unit.summaries.last_times([run.id for run in runs]))
    if ending is not None:
        runs.append(ending)
        last_times |= {ending.id: last_at} if last_at is not None else {}
    return in_order(runs, last_times)


async def assess(unit: Unit, runs: Sequence[DatedRun]) -> Assessment | None:
    """Assess a machine after runs in the order of their data; None if there are none.

    Runs on the baseline of the last one count: others say nothing about its normal.
    """
    if not runs:
        return None
    last = runs[-1].run
    baseline = await unit.analyses.get(last.baseline_id) if last.baseline_id is not None else None
    # The limits are the run's own, which are the baseline's unless it named others.
    config = await unit.configs.get(last.config_id or 0)
    own = [each for each in runs if each.run.dinsight_id == last.dinsight_id]
    limits = engine_config(config) if config is not None else EngineConfig()
    health = assess_health([run_of(each.run) for each in own], limits, normal=normal_rate(baseline, last))
    return Assessment(health, wear_trend(own, baseline, limits.failing_wear))
