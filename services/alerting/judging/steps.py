"""Where the steps of a block satisfy a condition. Pure."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.alerting.judging.state import Lane
from services.alerting.rules.program import Flags, Floats, Leaf, Program, Truth
from services.alerting.rules.signals import Severity, Source
from services.alerting.series.domain import Block
from services.alerting.series.windows import View

Places = NDArray[np.intp]
UNKNOWN = -1


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps (n,) that count: their places in the block, times, whether satisfied, and severities."""

    places: Places
    times: NDArray[np.int64]
    satisfied: Flags
    levels: NDArray[np.int64]


def brings(block: Block, leaf: Leaf) -> bool:
    """Whether the block says something new about the signal. A completed run ends the failure of another."""
    failure_over = leaf.source is Source.FAILURE and block.source is Source.RUN
    return leaf.source is block.source or failure_over


def judged_steps(
    program: Program, default: Severity, lane: Lane, view: View, places: Places, age: float | None
) -> Steps:
    """Judge some steps of a block, and remember in the lane how its leaves ended.

    Leaves whose signals came with other blocks count as they were. `age` of the data is in seconds.
    """
    block = view.block
    counted = np.ones(places.size, dtype=np.bool_)
    if block.source is Source.SAMPLES and not program.counts_missing:
        counted = block.weights[places] > 0
    kept = np.flatnonzero(counted)
    _prepare(program, lane)
    truths: list[Truth] = []
    for number, leaf in enumerate(program.leaves):
        if leaf.source is Source.TIME:
            lane.codes[number] = _code_of_age(leaf, age)
        if not brings(block, leaf):
            truths.append(_constant(lane.codes[number], places.size))
            continue
        truth = _judged(leaf, view.column(leaf)[places], lane, number)
        truths.append(truth)
        if kept.size:
            lane.codes[number] = _code(truth, int(kept[-1]))
    satisfied, levels = _verdict(program, default, truths, places.size)
    return Steps(places[kept], block.times[places][kept], satisfied[kept], levels[kept])


def step_of_time(program: Program, default: Severity, lane: Lane, at: int, age: float | None) -> Steps:
    """Judge the passing of time: one step, at which only the age of the data has changed."""
    _prepare(program, lane)
    for number, leaf in enumerate(program.leaves):
        if leaf.source is Source.TIME:
            lane.codes[number] = _code_of_age(leaf, age)
    satisfied, levels = _verdict(program, default, [_constant(code, 1) for code in lane.codes], 1)
    return Steps(np.zeros(1, dtype=np.intp), np.array([at], dtype=np.int64), satisfied, levels)


def _prepare(program: Program, lane: Lane) -> None:
    if len(lane.codes) != len(program.leaves):
        lane.codes = [UNKNOWN] * len(program.leaves)
        lane.latched = [False] * len(program.leaves)


def _judged(leaf: Leaf, values: Floats, lane: Lane, number: int) -> Truth:
    known = ~np.isnan(values)
    satisfied = leaf.satisfied(values) & known
    if leaf.recover is None:
        return satisfied, known & ~satisfied
    # From a step that satisfies the leaf up to one that passes `recover`, it stays satisfied.
    changes = satisfied | (known & ~leaf.keeps(values))
    newest = np.maximum.accumulate(np.where(changes, np.arange(values.size), -1))
    latched = np.where(newest < 0, lane.latched[number], satisfied[np.maximum(newest, 0)])
    if values.size:
        lane.latched[number] = bool(latched[-1])
    return latched & known, known & ~latched


def _verdict(
    program: Program, default: Severity, truths: list[Truth], size: int
) -> tuple[Flags, NDArray[np.int64]]:
    satisfied, _ = program.when.judge(truths)
    levels = np.zeros(size, dtype=np.int64)
    for level, node in program.steps:
        applies: Flags = np.ones(size, dtype=np.bool_) if node is None else node.judge(truths)[0]
        levels = np.where(applies & (levels < level), int(level), levels)
    return satisfied, np.where(levels == 0, int(default), levels)


def _code_of_age(leaf: Leaf, age: float | None) -> int:
    return UNKNOWN if age is None else int(leaf.satisfied(np.array([age]))[0])


def _code(truth: Truth, place: int) -> int:
    yes, no = truth
    return 1 if yes[place] else 0 if no[place] else UNKNOWN


def _constant(code: int, size: int) -> Truth:
    return np.full(size, code == 1), np.full(size, code == 0)
