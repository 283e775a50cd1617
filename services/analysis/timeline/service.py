"""Assembles a machine's timeline."""

from datetime import datetime, timedelta
from uuid import UUID

from services.analysis.database.unit import Unit
from services.analysis.errors import BadRange
from services.analysis.timeline.domain import DAY, HOUR, MICROSECOND, Timeline
from shared.clock import Clock

DEFAULT_RANGE = timedelta(days=30)
MIN_RANGE = timedelta(seconds=1)
# Ten years of hours are joined in a few hundred milliseconds.
MAX_RANGE = timedelta(microseconds=DAY) * 3660
# Beyond this number of runs in the range, the machine's hours are read instead of each run's series.
MAX_RUNS_JOINED = 5_000
# Entries of each other list; what is left out is named.
MAX_ENTRIES = 500


class TimelineService:
    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def timeline(
        self, unit: Unit, machine_id: UUID, since: datetime | None, until: datetime | None, points: int
    ) -> Timeline:
        """Return at most `points` buckets, and what else happened. By default, the data end the range."""
        since, until = await self._range(unit, machine_id, since, until)
        first, width, of_hours = since, _width(until - since, points), False
        if await self._needs_hours(unit, machine_id, since, until, width):
            hour = HOUR * MICROSECOND
            first = since.replace(minute=0, second=0, microsecond=0)
            width = -(-_width(until - first, points) // hour) * hour
            of_hours = True
        runs = await unit.fleet.runs(machine_id, since, until, MAX_ENTRIES + 1)
        alerts = await unit.fleet.alerts(machine_id, since, until, MAX_ENTRIES + 1)
        marks = await unit.fleet.marks(machine_id, since, until, MAX_ENTRIES + 1)
        lists = {"runs": runs, "alerts": alerts, "marks": marks}
        return Timeline(
            machine_id=machine_id,
            since=since,
            until=until,
            bucket=width,
            buckets=await unit.fleet.buckets(machine_id, first, until, width, of_hours=of_hours),
            runs=runs[:MAX_ENTRIES],
            alerts=alerts[:MAX_ENTRIES],
            marks=marks[:MAX_ENTRIES],
            truncated=[name for name, entries in lists.items() if len(entries) > MAX_ENTRIES],
        )

    async def _range(
        self, unit: Unit, machine_id: UUID, since: datetime | None, until: datetime | None
    ) -> tuple[datetime, datetime]:
        if until is None:
            newest = await unit.fleet.newest_data(machine_id)
            # The range excludes its end.
            until = self._clock.now() if newest is None else newest + MICROSECOND
            if since is not None and until <= since:
                until = since + DEFAULT_RANGE
        since = until - DEFAULT_RANGE if since is None else since
        if until - since < MIN_RANGE:
            raise BadRange("until", "until must be at least one second after since.")
        if until - since > MAX_RANGE:
            raise BadRange("since", f"The range must not be longer than {MAX_RANGE.days} days.")
        return since, until

    @staticmethod
    async def _needs_hours(
        unit: Unit, machine_id: UUID, since: datetime, until: datetime, width: timedelta
    ) -> bool:
        """Whether hours are fine enough, or the runs too many to join their series."""
        if width >= HOUR * MICROSECOND:
            return True
        limit = MAX_RUNS_JOINED + 1
        return await unit.fleet.count_runs(machine_id, since, until, limit) == limit


def _width(span: timedelta, points: int) -> timedelta:
    """The width of at most `points` buckets that cover the span."""
    return -(-span // (points * MICROSECOND)) * MICROSECOND
