"""Assesses a machine's health from the runs that are stored, the same way whenever it is asked for."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from services.analysis.configs.domain import engine_config
from services.analysis.database.unit import Unit
from services.analysis.domain import Analysis, AnalysisType
from services.analysis.engine import EngineConfig, Health, assess_health
from services.analysis.health.domain import MAX_RUNS, in_order, normal_rate, run_of


async def runs_in_order(
    unit: Unit,
    machine_id: UUID,
    *,
    archived: bool,
    ending: Analysis | None = None,
    last_at: datetime | None = None,
) -> list[Analysis]:
    """Return the machine's newest monitoring runs in the order of their data.

    Among them is the one that is `ending` with its results, and has its newest sample at `last_at`.
    """
    runs = list(await unit.analyses.newest(machine_id, AnalysisType.MONITORING, MAX_RUNS, archived=archived))
    last_times = dict(await unit.summaries.last_times([run.id for run in runs]))
    if ending is not None:
        runs.append(ending)
        last_times |= {ending.id: last_at} if last_at is not None else {}
    return in_order(runs, last_times)


async def health_after(unit: Unit, runs: Sequence[Analysis]) -> Health | None:
    """Return the health after runs in the order of their data; None if there are none.

    Runs on the baseline of the last one count: others say nothing about its normal.
    """
    if not runs:
        return None
    last = runs[-1]
    baseline = await unit.analyses.get(last.baseline_id) if last.baseline_id is not None else None
    config = await unit.configs.get(baseline.config_id or 0) if baseline is not None else None
    return assess_health(
        [run_of(run) for run in runs if run.dinsight_id == last.dinsight_id],
        engine_config(config) if config is not None else EngineConfig(),
        normal=normal_rate(baseline),
    )
