"""Publishes the progress of analyses, and measures the duration of their stages."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Self

from opentelemetry import metrics, trace

from services.analysis.database.unit import Unit, Units
from services.analysis.domain import Analysis
from services.analysis.jobs.domain import Stage
from services.analysis.jobs.work import Work
from shared.events.analysis import ANALYSIS_PROGRESSED, AnalysisProgressed
from shared.jobs.loop import Loop
from shared.jobs.queue import LeaseLost


async def publish_progress(unit: Unit, analysis: Analysis, stage: Stage, progress: float) -> None:
    """Store the progress of an analysis, and publish it with the unit's transaction."""
    await unit.analyses.set_progress(analysis.id, stage, progress)
    payload = AnalysisProgressed(
        analysis_id=analysis.id,
        machine_id=analysis.machine_id,
        analysis_type=analysis.analysis_type.value,
        stage=stage,
        progress=progress,
    )
    await unit.outbox.add(
        ANALYSIS_PROGRESSED, analysis.machine_id, payload, organization_id=analysis.organization_id
    )


class Progress:
    """Publishes progress periodically beside the work: `async with Progress(...) as progress`."""

    def __init__(self, units: Units, work: Work, *, every: float) -> None:
        self._units = units
        self._work = work
        self._now: tuple[Stage, float] = (Stage.READING, 0.0)
        self._published = self._now
        self._lost = False
        self._loop = Loop("analysis progress", self._publish, every=every)
        self._task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.create_task(self._loop.run())
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def report(self, stage: Stage, share: float) -> None:
        """Set the progress (0..1 over all stages), and let smaller jobs go first. For threads.

        Raises LeaseLost if the job is no longer ours.
        """
        self.note(stage, share)
        self._work.lease.checkpoint()

    def note(self, stage: Stage, share: float) -> None:
        self._now = (stage, min(1.0, max(0.0, share)))

    async def _publish(self) -> None:
        now = self._now
        if now == self._published or self._lost:
            return
        try:
            async with self._units(self._work.scope) as unit:
                # The analysis is locked before its job, as everywhere.
                if await unit.analyses.lock(self._work.analysis.id) is None:
                    raise LeaseLost(str(self._work.analysis.id))
                await unit.jobs.hold(self._work.job)
                await publish_progress(unit, self._work.analysis, *now)
        except LeaseLost:
            # The work itself notices this through its lease.
            self._lost = True
            return
        self._published = now


@dataclass
class Stopwatch:
    """Measures stages, for spans, a histogram and the `timings` (seconds per stage) in the results."""

    analysis_type: str
    timings: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._tracer = trace.get_tracer("dinsight.analysis")
        self._seconds = metrics.get_meter("dinsight.analysis").create_histogram(
            "dinsight_analysis_stage_duration", "s", "Duration of the stages of analyses"
        )

    @contextmanager
    def stage(self, stage: str) -> Iterator[None]:
        begun = time.perf_counter()
        with self._tracer.start_as_current_span(f"analysis {stage}"):
            yield
        self.record(stage, time.perf_counter() - begun)

    def record(self, stage: str, seconds: float) -> None:
        self.timings[str(stage)] = round(seconds, 4)
        self._seconds.record(seconds, {"stage": str(stage), "analysis_type": self.analysis_type})
