"""Judges all rules of a machine on what has come since, in one pass. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.alerting.judging.core import Judged, due, judge, reconciled, tick
from services.alerting.judging.state import Phase, State, Transition, TransitionKind
from services.alerting.rules.domain import Rule
from services.alerting.rules.program import Program
from services.alerting.rules.signals import Severity, Source
from services.alerting.series.domain import Block, Record, microseconds
from services.alerting.series.joining import joined, successive
from services.alerting.series.windows import View


@dataclass(frozen=True, slots=True)
class Watched:
    """A rule with its memory, and the phase of its open alert."""

    rule: Rule
    judged: Judged
    state: State
    phase: Phase


@dataclass(frozen=True, slots=True)
class Assessed:
    watched: Watched
    state: State
    transitions: Sequence[Transition]


@dataclass(frozen=True, slots=True)
class Pass:
    """What has come since the last judgement (`records`), and what came before it, as far as windows reach.

    `caught_up` if there is nothing more: then time passes, too. A machine that is not `active` is not judged.
    """

    records: Sequence[Record]
    before: Sequence[Record]
    now: datetime
    caught_up: bool
    active: bool


def assess(rules: Sequence[Watched], work: Pass) -> tuple[Sequence[Assessed], datetime | None]:
    """Judge the rules; also return when they are to be judged again if no data come."""
    blocks = [block for record in work.records for block in record.blocks()]
    window = max((each.judged.program.window for each in rules), default=0)
    views = _views(blocks, [block for record in work.before for block in record.blocks()], window)
    stretches = _Stretches(views)
    assessed, marks = [], []
    newest = max((record.number for record in work.records), default=0)
    for each in rules:
        if not work.active:
            number = max(each.state.number, newest)
            paused = replace(each.state, number=number, paused=microseconds(work.now))
            assessed.append(Assessed(each, paused, ()))
            continue
        state, transitions = reconciled(each.state, each.phase, work.now), list[Transition]()
        for view in _judged_views(each.judged.program, state, stretches.of(each.judged.program)):
            state, found = judge(each.judged, state, view, work.now)
            transitions += found
        if work.caught_up:
            state, found = tick(each.judged, state, work.now)
            transitions += found
            if (mark := due(each.judged, state, work.now)) is not None:
                marks.append(mark)
        # A record may hold no sample.
        state = replace(state, number=max(state.number, newest))
        assessed.append(Assessed(each, state, merged(transitions)))
    return assessed, min(marks, default=None)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Blocks of samples that follow each other in time, or one of another source; `whole` is all of it."""

    views: Sequence[View]
    whole: View


class _Stretches:
    """What rules judge, by the sources that they watch."""

    def __init__(self, views: Sequence[View]) -> None:
        self._views = views
        self._known: dict[frozenset[Source], Sequence[_Stretch]] = {}

    def of(self, program: Program) -> Sequence[_Stretch]:
        # Every rule sees samples, at least that they come. A completed run ends the failure of another.
        sources = program.sources | {Source.SAMPLES}
        if Source.FAILURE in sources:
            sources |= {Source.RUN}
        if sources not in self._known:
            self._known[sources] = self._divided(
                [view for view in self._views if view.block.source in sources]
            )
        return self._known[sources]

    @staticmethod
    def _divided(views: Sequence[View]) -> Sequence[_Stretch]:
        found, first = [], 0
        for group in successive([view.block for view in views]):
            own = views[first : first + len(group)]
            first += len(group)
            found.append(_Stretch(own, View(joined(group), own[0].before) if len(group) > 1 else own[0]))
        return found


def _judged_views(program: Program, state: State, stretches: Sequence[_Stretch]) -> Iterator[View]:
    """What the rule judges: whole stretches where this says the same, or else block by block."""
    # The blocks of a record have its number: they are judged together or not at all.
    judged_before, newest = state.number, state.live.at
    for stretch in stretches:
        whole = stretch.whole.block
        begins, ends = int(whole.times[0]), int(whole.times[-1])
        is_new = stretch.views[0].block.number > judged_before
        # Late samples are judged for each analysis.
        is_late = newest is not None and begins < newest
        is_late |= program.late_after is not None and begins < whole.received - program.late_after
        if is_new and not is_late:
            yield stretch.whole
        else:
            yield from (view for view in stretch.views if view.block.number > judged_before)
        newest = max(newest, ends) if newest is not None else ends


def merged(transitions: Sequence[Transition]) -> Sequence[Transition]:
    """The same with findings that follow each other as one, so that an alert is written once per pass."""
    joined: list[Transition] = []
    for each in transitions:
        before = joined[-1] if joined else None
        if (
            before is not None
            and each.kind is TransitionKind.FOUND
            and before.kind in (TransitionKind.RAISED, TransitionKind.FOUND)
            and before.quiet == each.quiet
        ):
            joined[-1] = _joined(before, each)
        else:
            joined.append(each)
    return joined


def _joined(before: Transition, after: Transition) -> Transition:
    firsts = [at for at in (before.first_at, after.first_at) if at is not None]
    lasts = [at for at in (before.last_at, after.last_at) if at is not None]
    return replace(
        before,
        severity=max(before.severity or Severity.LOW, after.severity or Severity.LOW),
        settled=after.settled,
        finding=after.finding if _ratio(after) > _ratio(before) else before.finding,
        count=before.count + after.count,
        first_at=min(firsts, default=None),
        last_at=max(lasts, default=None),
    )


def _ratio(transition: Transition) -> float:
    finding = transition.finding
    return -1.0 if finding is None or finding.distance_ratio is None else finding.distance_ratio


def _views(blocks: Sequence[Block], before: Sequence[Block], window: int) -> Sequence[View]:
    """The blocks, each with those before it that its windows reach."""
    if not window:
        return [View(block) for block in blocks]
    views, earlier = [], list(before)
    for block in blocks:
        since = int(block.times[0]) - window
        reached = [each for each in earlier if int(each.times[-1]) > since]
        views.append(View(block, reached))
        earlier.append(block)
    return views
