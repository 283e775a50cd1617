"""Assesses at the end of a run whether its machine has changed for good since the baseline."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from services.analysis.database.unit import Units
from services.analysis.domain import Analysis
from services.analysis.engine import (
    BaselineModel,
    Drift,
    Levels,
    assess_drift,
    describe_drift,
    drift_levels,
    held_out,
    join_levels,
    moved_sensors,
    standardise,
)
from services.analysis.timeline.domain import moment
from shared.access import Scope
from shared.jobs.queue import Lease

# Of the newest runs, the levels are 64 points each: some six megabytes in all.
MAX_RUNS = 2_000


async def drift_results(
    units: Units, lease: Lease, analysis: Analysis, model: BaselineModel, run: Levels | None, samples: int
) -> dict[str, Any]:
    """Return what the results of a scored run of so many samples say about drift, given the run's own levels.

    If the run reaches into the change, its last samples tell which sensors have moved.
    """
    scope = Scope(organization_id=analysis.organization_id)
    earlier: Sequence[Levels] = ()
    if analysis.baseline_id is not None:
        async with units(scope) as unit:
            earlier = await unit.summaries.levels(analysis.machine_id, analysis.baseline_id, MAX_RUNS)
    drift = await lease.compute(_assess, model, [*earlier, *([run] if run is not None else [])])
    sensors: list[tuple[str, float]] = []
    if drift.onset is not None and run is not None and run.at.size and drift.onset <= run.at[-1]:
        async with units(scope) as unit:
            rows = await unit.results.feature_rows(analysis.file_upload_id, samples - 1)
        if rows is not None:
            sensors = await lease.compute(moved_sensors, model, rows.features)
    times = [
        None if time is None else moment(time).isoformat()
        for time in (drift.onset, drift.earliest, drift.latest, drift.steady_since)
    ]
    return {
        "state": drift.state,
        "onset": times[0],
        "earliest": times[1],
        "latest": times[2],
        "steady_since": times[3],
        "shift": drift.shift,
        "samples": drift.samples,
        "sensors": [{"name": name, "level": level} for name, level in sensors],
        "proposed": drift.proposes,
        "advice": describe_drift(drift, times, sensors),
    }


def _assess(model: BaselineModel, parts: Sequence[Levels]) -> Drift:
    own = held_out(model)
    reference = drift_levels(np.arange(own.size), standardise(own, own))
    return assess_drift(join_levels(parts), reference)
