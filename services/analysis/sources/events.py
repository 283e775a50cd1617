"""Publishes that files of a source do not come, and that they come again."""

from services.analysis.database.unit import Unit
from services.analysis.sources.domain import Problem, Source
from shared.clock import Clock
from shared.events.analysis import SOURCE_FAILED, SOURCE_RECOVERED, SourceFailed, SourceRecovered


class Announcer:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def failed(self, unit: Unit, source: Source, problem: Problem, *, file: str | None = None) -> None:
        payload = SourceFailed(
            source_id=source.id,
            machine_id=source.machine_id,
            name=source.name,
            code=problem.code,
            params=dict(problem.params),
            error=problem.text,
            file=file,
            failed_at=self._clock.now(),
        )
        await unit.outbox.add(
            SOURCE_FAILED, source.machine_id, payload, organization_id=source.organization_id
        )

    async def recovered(self, unit: Unit, source: Source) -> None:
        payload = SourceRecovered(
            source_id=source.id,
            machine_id=source.machine_id,
            name=source.name,
            recovered_at=self._clock.now(),
        )
        await unit.outbox.add(
            SOURCE_RECOVERED, source.machine_id, payload, organization_id=source.organization_id
        )
