"""Judges a rule: (program, state, block or tick of the clock) -> (state, transitions). Pure.

A tick runs on the machine's clock: the time of its newest sample plus what has passed since that came. So a
file of yesterday neither clears nor opens an alert by being a day old.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import numpy as np

from services.alerting.alerts.domain import Finding
from services.alerting.judging.findings import describe
from services.alerting.judging.lifecycle import Scene, advance
from services.alerting.judging.state import (
    Lane,
    Phase,
    Quiet,
    State,
    Transition,
    TransitionKind,
    loaded_finding,
)
from services.alerting.judging.steps import Places, brings, judged_steps, step_of_time
from services.alerting.rules.program import MICROSECONDS_PER_SECOND, Program
from services.alerting.rules.signals import Severity, Source
from services.alerting.series.domain import microseconds, moment
from services.alerting.series.windows import View

Judgement: TypeAlias = tuple[State, Sequence[Transition]]
DATA_ARRIVED = "Data arrive again."
DATA_STOPPED = "No data arrived for the time that the rule allows."


@dataclass(frozen=True, slots=True)
class Judged:
    """A rule as it is judged. `watched_since` is when it was last changed."""

    machine_id: UUID
    program: Program
    severity: Severity
    watched_since: datetime


def reconciled(state: State, phase: Phase, now: datetime) -> State:
    """The state beside the alert that there is: people resolve alerts, too."""
    if state.live.phase is phase:
        return state
    state = state.copied()
    live = state.live
    if phase is Phase.IDLE:
        # The trigger begins anew, as after an alert that cleared.
        live.recent, live.since, live.last, live.levels = "", None, None, {}
        state.no_data, state.muted = "noted" if state.no_data else "", False
    elif live.last is None or (phase.is_open and not live.phase.is_open):
        # Somebody says that it is not over, so it clears no earlier than if the condition were satisfied now.
        live.last = _clock(live, microseconds(now))
    live.phase = phase
    return state


def judge(rule: Judged, state: State, view: View, now: datetime) -> Judgement:
    """Judge a block, whose record is newer than those judged before."""
    program, block = rule.program, view.block
    state = state.copied()
    state.number = max(state.number, block.number)
    had_no_data = state.no_data
    if block.source is Source.SAMPLES:
        state.received = max(state.received or 0, block.received)
        state.newest = max(state.newest or 0, int(block.times[-1]))
        state.no_data = ""
    if had_no_data == "raised" and not state.no_data:
        state.live.phase = Phase.IDLE
    elif had_no_data and not state.no_data and _keeps(program) and state.live.phase.is_open:
        # The alert was kept through the silence, which therefore does not count towards clearing.
        state.live.last = max(state.live.last or 0, int(block.times[0]))
    relevant = any(brings(block, leaf) for leaf in program.leaves)
    transitions: list[Transition] = []
    if relevant:
        late = np.zeros(len(block), dtype=np.bool_)
        if state.live.at is not None:
            late |= block.times < state.live.at
        if program.late_after is not None:
            late |= block.times < block.received - program.late_after
        if late.any():
            transitions += _late(rule, state, view, np.flatnonzero(late), now)
        transitions += _live(rule, state, view, np.flatnonzero(~late), now)
    if Source.TIME in program.sources:
        transitions += _aged(rule, state, microseconds(now))
    if had_no_data == "raised" and not state.no_data and not state.live.phase.is_open:
        # What is pending now begins after the alert of the silence has ended.
        kinds = [each.kind for each in transitions]
        place = kinds.index(TransitionKind.PENDING) if TransitionKind.PENDING in kinds else len(kinds)
        transitions.insert(place, Transition(TransitionKind.CLEARED, now, reason=DATA_ARRIVED))
    _remember_quiet(state, transitions)
    return state, transitions


def tick(rule: Judged, state: State, now: datetime) -> Judgement:
    """Judge the passing of time."""
    state = state.copied()
    program, live, at = rule.program, state.live, microseconds(now)
    transitions: list[Transition] = []
    if Source.TIME in program.sources:
        transitions += _aged(rule, state, at)
    clock = _clock(live, at)
    if live.phase is Phase.PENDING and live.since is not None and clock - live.since >= program.trigger.hold:
        live.phase = Phase.ACTIVE
        transitions.append(_raised_by_time(rule, live, clock, at))
    if (mark := _clears_at(program, state, at)) is not None and clock >= mark:
        live.phase, live.levels = Phase.IDLE, {}
        transitions.append(Transition(TransitionKind.CLEARED, moment(clock)))
    transitions += _without_data(rule, state, now)
    if state.muted and live.phase.is_open and program.schedule and not program.schedule.muted(now):
        state.muted = False
        transitions.append(Transition(TransitionKind.UNMUTED, moment(clock)))
    _remember_quiet(state, transitions)
    return state, transitions


def due(rule: Judged, state: State, now: datetime) -> datetime | None:
    """When the next tick may change something; None if only data can."""
    program, live, at = rule.program, state.live, microseconds(now)
    marks: list[int] = []
    # On the machine's clock, a mark comes as much later as its newest sample is behind.
    behind = (live.received or at) - (live.at if live.at is not None else at)
    if live.phase is Phase.PENDING and live.since is not None:
        marks.append(live.since + program.trigger.hold + behind)
    if (clears_at := _clears_at(program, state, at)) is not None:
        marks.append(clears_at + behind)
    if program.no_data and not state.no_data:
        marks.append(_no_data_at(rule, state))
    if state.newest is not None:
        marks += [mark for age in program.ages if (mark := state.newest + age + 1) > at]
    if state.muted and live.phase.is_open and program.schedule and (ends := program.schedule.ends(now)):
        marks.append(microseconds(ends))
    return moment(min(marks)) if marks else None


def _live(rule: Judged, state: State, view: View, places: Places, now: datetime) -> list[Transition]:
    if not places.size:
        return []
    program, lane, at = rule.program, state.live, microseconds(now)
    steps = judged_steps(program, rule.severity, lane, view, places, _age(state, at))
    scene = Scene(
        lambda worst: describe(view.block, worst, rule.machine_id),
        lambda time: _muted(program, time, at),
    )
    transitions = advance(program, lane, steps, scene)
    lane.at = max(lane.at or 0, int(view.block.times[places[-1]]))
    lane.received = max(lane.received or 0, view.block.received)
    return transitions


def _late(rule: Judged, state: State, view: View, places: Places, now: datetime) -> list[Transition]:
    """Late samples do not disturb the sequence of the others, nor page anybody unless the rule says so."""
    block, program = view.block, rule.program
    lane = state.late
    again = lane.at is not None and int(block.times[places[0]]) < lane.at
    if state.late_analysis != str(block.analysis_id) or again:
        state.late, state.late_analysis = Lane(), str(block.analysis_id)
        lane = state.late
    quiet: Quiet | None = None if program.late_after is None else "late"
    scene = Scene(lambda worst: describe(block, worst, rule.machine_id), lambda _: quiet, clears=False)
    steps = judged_steps(program, rule.severity, lane, view, places, _age(state, microseconds(now)))
    found = advance(program, lane, steps, scene)
    return [each for each in found if each.kind in (TransitionKind.RAISED, TransitionKind.FOUND)]


def _aged(rule: Judged, state: State, at: int) -> list[Transition]:
    """A step of time, if the age of the data has passed a limit; while it stays beyond, nothing clears."""
    lane, before = state.live, list(state.live.codes)
    clock = max(_clock(lane, at), lane.at or 0)
    age = _age(state, at)
    steps = step_of_time(rule.program, rule.severity, lane, clock, age)
    if lane.codes == before:
        if steps.satisfied[0]:
            lane.last = clock
        return []

    def finding(_: object) -> Finding:
        return Finding(rule.machine_id, moment(clock), f"the newest sample is {_spoken(age or 0)} old")

    scene = Scene(finding, lambda time: _muted(rule.program, time, at))
    newest = lane.at
    transitions = advance(rule.program, lane, steps, scene)
    # Samples may still come whose times lie before this step.
    lane.at = newest
    return transitions


def _raised_by_time(rule: Judged, lane: Lane, clock: int, at: int) -> Transition:
    """The condition was satisfied for long enough while nothing came that says otherwise."""
    finding = loaded_finding(lane.held) if lane.held else Finding(rule.machine_id, moment(clock), "")
    level = max((int(level) for level in lane.levels), default=int(rule.severity))
    return Transition(
        TransitionKind.RAISED,
        moment(clock),
        severity=Severity(level),
        finding=finding,
        first_at=finding.observed_at,
        last_at=moment(clock),
        quiet=_muted(rule.program, at, at),
    )


def _clears_at(program: Program, state: State, at: int) -> int | None:
    """When the open alert clears, on the machine's clock, if the condition is not satisfied before."""
    clear, live, no_data = program.clear, state.live, program.no_data
    if clear is None or not clear.auto_resolve or not clear.after or live.last is None:
        return None
    if not live.phase.is_open or state.no_data == "raised":
        return None
    if no_data is not None and _keeps(program) and at - (state.received or at) >= no_data.after:
        return None
    return live.last + clear.after


def _keeps(program: Program) -> bool:
    return program.no_data is not None and program.no_data.state == "keep"


def _without_data(rule: Judged, state: State, now: datetime) -> list[Transition]:
    no_data = rule.program.no_data
    if no_data is None or state.no_data or microseconds(now) < _no_data_at(rule, state):
        return []
    state.no_data = "noted"
    live = state.live
    if no_data.state == "resolve" and live.phase.is_open:
        live.phase, live.levels = Phase.IDLE, {}
        return [Transition(TransitionKind.CLEARED, now, reason=DATA_STOPPED)]
    if no_data.state != "alert" or live.phase.is_open:
        return []
    state.no_data, live.phase = "raised", Phase.ACTIVE
    waited = (
        microseconds(now) - (state.received or microseconds(rule.watched_since))
    ) / MICROSECONDS_PER_SECOND
    finding = Finding(rule.machine_id, now, f"no data for {_spoken(waited)}")
    quiet = _muted(rule.program, microseconds(now), microseconds(now))
    raised = TransitionKind.RAISED
    return [Transition(raised, now, rule.severity, None, finding, 1, now, now, quiet)]


def _no_data_at(rule: Judged, state: State) -> int:
    no_data = rule.program.no_data
    assert no_data is not None
    watched = max(microseconds(rule.watched_since), state.paused or 0) + no_data.grace
    return max(state.received or 0, watched) + no_data.after


def _clock(lane: Lane, at: int) -> int:
    """The machine's clock: that of its samples, which runs on since the newest one came."""
    if lane.at is None or lane.received is None:
        return at
    return lane.at + max(0, at - lane.received)


def _age(state: State, at: int) -> float | None:
    return None if state.newest is None else max(0, at - state.newest) / MICROSECONDS_PER_SECOND


def _muted(program: Program, time: int, now: int) -> Quiet | None:
    schedule = program.schedule
    if schedule is None:
        return None
    return "muted" if schedule.muted(moment(time)) or schedule.muted(moment(now)) else None


def _remember_quiet(state: State, transitions: Sequence[Transition]) -> None:
    for each in transitions:
        if each.kind is TransitionKind.CLEARED:
            state.muted = False
        elif each.kind in (TransitionKind.RAISED, TransitionKind.FOUND) and each.quiet == "muted":
            state.muted = True


def _spoken(seconds: float) -> str:
    """A duration in its two largest units, such as "1 d 3 h"."""
    minutes = int(seconds) // 60
    days, hours = minutes // 1440, minutes % 1440 // 60
    parts = [(days, "d"), (hours, "h"), (minutes % 60, "min")]
    spoken = [f"{number} {unit}" for number, unit in parts if number][:2]
    return " ".join(spoken) or f"{int(seconds)} s"
