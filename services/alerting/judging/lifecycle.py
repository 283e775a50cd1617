"""From steps that satisfy a condition to the life of its alert: trigger, clearing, severity. Pure."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.alerting.alerts.domain import Finding
from services.alerting.judging.state import Lane, Phase, Quiet, Transition, TransitionKind, stored_finding
from services.alerting.judging.steps import Places, Steps
from services.alerting.rules.program import Clear, Flags, Program, Trigger
from services.alerting.rules.signals import Severity
from services.alerting.series.domain import moment

# A rule that flaps at every sample of a block reports this many alerts of it, and continues the last one.
MAX_EPISODES = 20
NEVER = np.iinfo(np.int64).min // 2


@dataclass(frozen=True, slots=True)
class Scene:
    """What the life of an alert needs to know of its surroundings.

    `describe` makes the finding of the worst of some places of the block; `quiet` says why nobody may be told
    of something at a time. Without `clears`, nothing clears.
    """

    describe: Callable[[Places], Finding]
    quiet: Callable[[int], Quiet | None]
    clears: bool = True


def advance(program: Program, lane: Lane, steps: Steps, scene: Scene) -> list[Transition]:
    """Advance the lane over steps, and return the transitions of its alert."""
    if not steps.times.size:
        return []
    clear = program.clear if scene.clears else None
    fires = _fires(program.trigger, lane, steps)
    cleared, since = _clears(clear, lane, steps)
    transitions = list(_episodes(program, lane, steps, scene, fires, cleared, since))
    satisfied = bool(steps.satisfied[-1])
    if lane.phase is Phase.ACTIVE and clear is not None and not satisfied:
        lane.phase = Phase.RECOVERING
        transitions.append(Transition(TransitionKind.RECOVERING, moment(int(steps.times[-1]))))
    elif lane.phase is Phase.IDLE and program.trigger.hold and satisfied:
        lane.phase = Phase.PENDING
        pending = _found(TransitionKind.PENDING, lane, steps, scene, steps.places.size - 1, None)
        lane.held = stored_finding(pending.finding) if pending.finding else None
        transitions.append(pending)
    elif lane.phase is Phase.PENDING and not satisfied:
        lane.phase = Phase.IDLE
        transitions.append(Transition(TransitionKind.WITHDRAWN, moment(int(steps.times[-1]))))
    if steps.satisfied.any():
        lane.last = int(steps.times[steps.satisfied][-1])
    lane.at = max(lane.at if lane.at is not None else NEVER, int(steps.times[-1]))
    return transitions


def _fires(trigger: Trigger, lane: Lane, steps: Steps) -> Flags:
    """Where the alert opens if there is none."""
    yes, size = steps.satisfied, steps.satisfied.size
    if trigger.hold:
        broken = np.maximum.accumulate(np.where(yes, -1, np.arange(size)))
        begins = steps.times[np.minimum(broken + 1, size - 1)]
        if lane.since is not None:
            begins = np.where(broken < 0, lane.since, begins)
        lane.since = int(begins[-1]) if yes[-1] else None
        held: Flags = yes & (steps.times - begins >= trigger.hold)
        return held
    if trigger.n == 1:
        return yes
    before = np.array([flag == "1" for flag in lane.recent], dtype=np.bool_)
    joined = np.concatenate([before, yes])
    sums = np.concatenate([[0], np.cumsum(joined)])
    stops = np.arange(before.size, joined.size) + 1
    counts = sums[stops] - sums[np.maximum(stops - trigger.n, 0)]
    lane.recent = "".join("1" if flag else "0" for flag in joined[-trigger.n :].tolist())
    fires: Flags = yes & (counts >= trigger.m)
    return fires


def _clears(clear: Clear | None, lane: Lane, steps: Steps) -> tuple[Flags, NDArray[np.int64]]:
    """Where an open alert clears before the step, and when the condition was satisfied before it."""
    entry = NEVER if lane.last is None else lane.last
    times = np.where(steps.satisfied, steps.times, NEVER)
    before = np.maximum(np.maximum.accumulate(np.concatenate([[entry], times[:-1]])), entry)
    if clear is None or not clear.auto_resolve:
        return np.zeros(times.size, dtype=np.bool_), before
    if clear.after == 0:
        return ~steps.satisfied, before
    return (before > NEVER) & (steps.times - before >= clear.after), before


def _episodes(
    program: Program,
    lane: Lane,
    steps: Steps,
    scene: Scene,
    fires: Flags,
    cleared: Flags,
    since: NDArray[np.int64],
) -> Iterator[Transition]:
    place, size, episodes = 0, steps.times.size, 0
    while place < size:
        kind = TransitionKind.FOUND
        if not lane.phase.is_open:
            openings = np.flatnonzero(fires[place:])
            if not openings.size:
                return
            place += int(openings[0])
            kind, lane.phase, lane.levels = TransitionKind.RAISED, Phase.ACTIVE, {}
            episodes += 1
        first_end = place + 1 if kind is TransitionKind.RAISED else place
        ends = np.flatnonzero(cleared[first_end:]) if episodes <= MAX_EPISODES else np.zeros(0, dtype=np.intp)
        end = first_end + int(ends[0]) if ends.size else size
        if steps.satisfied[place:end].any():
            lane.phase = Phase.ACTIVE
            yield _found(kind, lane, steps, scene, place, end, program.clear)
        if end < size:
            after = program.clear.after if program.clear else 0
            at = int(since[end]) + after if after else int(steps.times[end])
            lane.phase, lane.levels = Phase.IDLE, {}
            yield Transition(TransitionKind.CLEARED, moment(at))
        place = end


def _found(
    kind: TransitionKind,
    lane: Lane,
    steps: Steps,
    scene: Scene,
    start: int,
    end: int | None,
    clear: Clear | None = None,
) -> Transition:
    """The transition for the satisfied steps from `start` to before `end`."""
    chosen = np.flatnonzero(steps.satisfied[start:end]) + start
    times, levels = steps.times[chosen], steps.levels[chosen]
    for level in np.unique(levels).tolist():
        lane.levels[str(level)] = int(times[levels == level][-1])
    peak = int(levels.max())
    last = int(times[-1])
    settled = None
    if clear is not None:
        lasting = [int(level) for level, at in lane.levels.items() if last - at <= clear.after]
        settled = Severity(max(lasting) if clear.after else int(levels[-1]))
    return Transition(
        kind,
        moment(int(times[0])),
        severity=Severity(peak),
        settled=settled,
        finding=scene.describe(steps.places[chosen]),
        count=chosen.size,
        first_at=moment(int(times[0])),
        last_at=moment(last),
        quiet=scene.quiet(last),
    )
