"""Tries rules on what is known of their machine, outside transactions: replaying takes long."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeAlias
from urllib.parse import urlencode
from uuid import UUID

import orjson

from services.alerting.backtest.domain import Curve, Replay, ReplayedAlert, curve, in_order, replay
from services.alerting.backtest.errors import BadRange
from services.alerting.database.series import RecordedAlert
from services.alerting.database.unit import Unit
from services.alerting.judging.core import Judged
from services.alerting.rules.program import Program
from services.alerting.rules.signals import Severity
from services.alerting.series.domain import EPOCH, Block, Kind, NewRecord, Record, microseconds, packed
from shared.access import Caller, Scope
from shared.clock import Clock
from shared.errors import NotFound, Unavailable
from shared.http.turns import Turns

Units: TypeAlias = Callable[[Scope], AbstractAsyncContextManager[Unit]]
DEFAULT_RANGE = timedelta(days=90)
MAX_RANGE = timedelta(days=1830)
# Twice a hundred thousand samples in chunks of 512, and a page of long history.
MAX_RECORDS = 4000
MAX_RECORDED = 500
POINTS = 1000
HISTORY_POINTS = 5000
HISTORY = timedelta(days=3650)
NEWEST = 2**62
# A replay takes up to seconds of a processor that also judges and delivers.
MAX_AT_ONCE, MAX_OF_ORGANIZATION = 2, 4


class AnalysisService(Protocol):
    async def get(self, path: str, *, caller: Caller | None = None) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Overlap:
    """Of alerts that were recorded: how many, and how many of them the rule would have opened, too.

    `outcomes` counts what people called those that it would have opened.
    """

    recorded: int
    matched: int
    outcomes: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Backtest:
    since: datetime
    until: datetime
    replay: Replay
    curve: Curve | None
    overlap: Overlap
    downsampled: bool
    truncated: bool


class BacktestService:
    def __init__(self, clock: Clock, analysis: AnalysisService) -> None:
        self._clock = clock
        self._analysis = analysis
        self.turns = Turns("backtests", at_once=MAX_AT_ONCE, of_organization=MAX_OF_ORGANIZATION)

    async def complete_history(self, units: Units, caller: Caller, machine_id: UUID) -> None:
        """Ask analysis once for what it knows from before alerting kept samples, in buckets.

        Without an answer, the backtest goes without it.
        """
        async with units(caller.scope) as unit:
            known = await unit.series.range(machine_id)
        if known.has_history:
            return
        until = known.since or self._clock.now()
        span = {"since": (until - HISTORY).isoformat(), "until": until.isoformat(), "points": HISTORY_POINTS}
        path = f"/api/v1/machines/{machine_id}/timeline?{urlencode(span)}"
        try:
            answer = await self._analysis.get(path, caller=caller)
        except (NotFound, Unavailable):
            return
        history = _history(answer, caller.organization_id, machine_id, until)
        async with units(caller.scope) as unit:
            await unit.series.add_history(history)

    async def run(
        self,
        units: Units,
        caller: Caller,
        machine_id: UUID,
        program: Program,
        severity: Severity,
        since: datetime | None,
        until: datetime | None,
        rule_id: UUID | None,
    ) -> Backtest:
        """Replay a rule; by default, over the last 90 days of data. Raises BadRange, TooManyAtOnce."""
        async with self.turns.of(caller.organization_id):
            async with units(caller.scope) as unit:
                since, until = await self._range(unit, machine_id, since, until)
                records = await unit.series.between(machine_id, NEWEST, since, until, MAX_RECORDS + 1)
                recorded = await unit.series.recorded_alerts(machine_id, rule_id, since, until, MAX_RECORDED)
            judged = Judged(machine_id, program, severity, since)
            found, drawn = await asyncio.to_thread(_replayed, judged, records[-MAX_RECORDS:], since, until)
        return Backtest(
            since,
            until,
            found,
            drawn,
            _overlap(found.alerts, recorded),
            any(record.kind is Kind.BUCKETS for record in records),
            len(records) > MAX_RECORDS,
        )

    async def _range(
        self, unit: Unit, machine_id: UUID, since: datetime | None, until: datetime | None
    ) -> tuple[datetime, datetime]:
        """Raises BadRange."""
        until = until or (await unit.series.range(machine_id)).until or self._clock.now()
        since = since or until - DEFAULT_RANGE
        if since >= until:
            raise BadRange("until", "until must be after since.")
        if until - since > MAX_RANGE:
            raise BadRange("since", f"The range must not be longer than {MAX_RANGE.days} days.")
        return since, until


def _replayed(
    rule: Judged, records: Sequence[Record], since: datetime, until: datetime
) -> tuple[Replay, Curve | None]:
    blocks: Sequence[Block] = [block for record in records for block in record.blocks()]
    ordered = in_order(blocks, since, until)
    return replay(rule, ordered, since, until), curve(ordered, POINTS)


def _overlap(alerts: Sequence[ReplayedAlert], recorded: Sequence[RecordedAlert]) -> Overlap:
    outcomes: dict[str, int] = {}
    matched = 0
    for each in recorded:
        if any(alert.raised_at <= each.last_at and alert.last_seen_at >= each.first_at for alert in alerts):
            matched += 1
            name = each.outcome or "unknown"
            outcomes[name] = outcomes.get(name, 0) + 1
    return Overlap(len(recorded), matched, outcomes)


def _history(
    answer: Mapping[str, Any], organization_id: UUID, machine_id: UUID, until: datetime
) -> NewRecord:
    """A record of buckets from a timeline; its distances are not known, only their ratios."""
    series, runs = answer["series"], answer["runs"]
    at = [microseconds(datetime.fromisoformat(text)) for text in series["at"]]
    content = {
        "threshold": None,
        "at": at,
        "max": series["max"],
        "samples": series["samples"],
        "anomalies": series["anomalies"],
        "severity": [None] * len(at),
        "missing": [0.0] * len(at),
        "runs": [
            {
                "at": microseconds(datetime.fromisoformat(run["last_at"])),
                "samples": run["samples"],
                "anomaly_count": run["anomalies"],
                "anomaly_fraction": run["anomalies"] / run["samples"] if run["samples"] else 0.0,
                "health": run["state"],
            }
            for run in runs
        ],
    }
    marks = [*at, *(run["at"] for run in content["runs"])]
    first, last = (min(marks), max(marks)) if marks else (microseconds(until),) * 2
    return NewRecord(
        organization_id,
        machine_id,
        UUID(int=0),
        Kind.BUCKETS,
        EPOCH + timedelta(microseconds=first),
        EPOCH + timedelta(microseconds=last),
        sum(series["samples"]),
        until,
        packed(orjson.dumps(content)),
    )
