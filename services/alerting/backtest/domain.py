"""Replays a rule over a machine's history: what alerts it would have opened. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from services.alerting.judging.assessment import merged
from services.alerting.judging.core import Judged, due, judge, reconciled, tick
from services.alerting.judging.state import Phase, Quiet, State, Transition, TransitionKind
from services.alerting.rules.signals import Severity, Source
from services.alerting.series.domain import Block, Floats, Times, microseconds, moment
from services.alerting.series.windows import View

MAX_ALERTS = 500
# A timer that is due again and again is followed this often between two blocks.
MAX_TICKS = 10
WEEK = timedelta(weeks=1)
PHASES = {
    TransitionKind.PENDING: Phase.PENDING,
    TransitionKind.RAISED: Phase.ACTIVE,
    TransitionKind.FOUND: Phase.ACTIVE,
    TransitionKind.RECOVERING: Phase.RECOVERING,
    TransitionKind.WITHDRAWN: Phase.IDLE,
    TransitionKind.CLEARED: Phase.IDLE,
}


@dataclass(frozen=True, slots=True)
class ReplayedAlert:
    """An alert that the rule would have opened; times are those of samples. Without an end, it stays open."""

    raised_at: datetime
    resolved_at: datetime | None
    last_seen_at: datetime
    severity: Severity
    summary: str
    count: int
    quiet: Quiet | None


@dataclass(frozen=True, slots=True)
class Curve:
    """The ratios of the history in buckets (b,): parallel columns, for a plot."""

    at: Times
    low: Floats
    high: Floats
    mean: Floats
    samples: Floats
    anomalies: Floats


@dataclass(frozen=True, slots=True)
class Replay:
    alerts: Sequence[ReplayedAlert]
    samples: int
    truncated: bool

    def per_week(self, since: datetime, until: datetime) -> float:
        return len(self.alerts) / max((until - since) / WEEK, 1e-9)


def in_order(blocks: Sequence[Block], since: datetime, until: datetime) -> Sequence[Block]:
    """The blocks of a time in the order of their samples, as if each came when its last one was taken."""
    first, last = microseconds(since), microseconds(until)
    inside = [each for each in blocks if first <= int(each.times[-1]) and int(each.times[0]) < last]
    ordered = sorted(inside, key=lambda each: (int(each.times[-1]), each.number))
    return [replace(each, number=1, received=int(each.times[-1])) for each in ordered]


def replay(rule: Judged, blocks: Sequence[Block], since: datetime, until: datetime) -> Replay:
    """Judge blocks in their order, and let time pass between them as it did."""
    machine = _Machine(replace(rule, watched_since=since), since)
    for block in blocks:
        machine.wait(moment(int(block.times[0])))
        machine.judge(block)
    machine.wait(until)
    alerts = machine.alerts
    return Replay(alerts[:MAX_ALERTS], machine.samples, len(alerts) > MAX_ALERTS)


class _Machine:
    """A machine whose history happens once more."""

    def __init__(self, rule: Judged, now: datetime) -> None:
        self.alerts: list[ReplayedAlert] = []
        self.samples = 0
        self._rule = rule
        self._state = State(1, "")
        self._phase = Phase.IDLE
        self._now = now
        self._earlier: list[Block] = []

    def wait(self, until: datetime) -> None:
        """Judge the passing of time whenever that is due."""
        for _ in range(MAX_TICKS):
            mark = due(self._rule, self._state, self._now)
            if mark is None or mark > until:
                break
            self._now = max(self._now, mark)
            self._state, said = tick(self._rule, reconciled(self._state, self._phase, self._now), self._now)
            self._note(said)
        self._now = max(self._now, until)

    def judge(self, block: Block) -> None:
        self._now = max(self._now, moment(block.received))
        state = reconciled(self._state, self._phase, self._now)
        self._state, said = judge(self._rule, state, View(block, self._earlier), self._now)
        self._note(said)
        self.samples += len(block) if block.source is Source.SAMPLES else 0
        if window := self._rule.program.window:
            reach = int(block.times[0]) - window
            kept = [each for each in self._earlier if int(each.times[-1]) > reach]
            self._earlier = [*kept, block]

    def _note(self, said: Sequence[Transition]) -> None:
        for each in merged(said):
            self._phase = PHASES.get(each.kind, self._phase)
            _note(self.alerts, each)


def curve(blocks: Sequence[Block], points: int) -> Curve | None:
    """At most `points` buckets of one width; None without a judged sample."""
    known = [each for each in blocks if each.source is Source.SAMPLES]
    if not known:
        return None
    times = np.concatenate([each.times for each in known])
    ratios = np.concatenate([each.values["anomaly.distance_ratio"] for each in known])
    weights = np.concatenate([each.weights for each in known])
    anomalies = np.concatenate([each.anomalies for each in known])
    judged = ~np.isnan(ratios)
    if not judged.any():
        return None
    order = np.argsort(times[judged], kind="stable")
    times, ratios, weights, anomalies = (
        column[judged][order] for column in (times, ratios, weights, anomalies)
    )
    width = max(1, -(-(int(times[-1]) - int(times[0]) + 1) // points))
    keys = (times - times[0]) // width
    starts = np.flatnonzero(np.append(True, np.diff(keys) != 0))
    total = np.add.reduceat(weights, starts)
    return Curve(
        times[starts],
        np.minimum.reduceat(ratios, starts),
        np.maximum.reduceat(ratios, starts),
        np.add.reduceat(ratios * weights, starts) / np.maximum(total, 1),
        total,
        np.add.reduceat(anomalies, starts),
    )


def _note(alerts: list[ReplayedAlert], said: Transition) -> None:
    is_open = bool(alerts) and alerts[-1].resolved_at is None
    if said.kind is TransitionKind.RAISED and said.finding is not None and not is_open:
        first = said.first_at or said.at
        alerts.append(
            ReplayedAlert(
                said.at,
                None,
                said.last_at or first,
                said.severity or Severity.LOW,
                said.finding.text,
                max(said.count, 1),
                said.quiet,
            )
        )
    elif said.kind in (TransitionKind.RAISED, TransitionKind.FOUND) and is_open:
        last = alerts[-1]
        alerts[-1] = replace(
            last,
            count=last.count + said.count,
            last_seen_at=max(last.last_seen_at, said.last_at or said.at),
            severity=max(last.severity, said.severity or last.severity),
        )
    elif said.kind is TransitionKind.CLEARED and is_open:
        alerts[-1] = replace(alerts[-1], resolved_at=said.at)
