"""Warns of conditions that nothing or every normal sample satisfies, and of silent recipients. Pure."""

import itertools
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np

from services.alerting.rules.program import Leaf, Node, Program
from services.alerting.rules.signals import HEALTH_STATES, Severity

Key: TypeAlias = tuple[str, str | None, int | None, str | None]
# What a leaf can be at all; both ends are included.
BOUNDS: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "anomaly.distance": (0.0, math.inf),
        "anomaly.distance_ratio": (0.0, math.inf),
        "anomaly.severity": (float(Severity.LOW), float(Severity.CRITICAL)),
        "anomaly.count": (0.0, math.inf),
        "anomaly.fraction": (0.0, 1.0),
        "feature.contribution": (0.0, 1.0),
        "quality.missing": (0.0, 1.0),
        "health.state": (0.0, len(HEALTH_STATES) - 1.0),
        "analysis.failed": (0.0, 1.0),
        "data.age": (0.0, math.inf),
    }
)
# A machine in order. Its samples are no anomalies, so these have no severity and no features.
IN_ORDER: Mapping[str, float] = MappingProxyType(
    {
        "anomaly.distance_ratio": 0.5,
        "anomaly.count": 0.0,
        "anomaly.fraction": 0.0,
        "quality.missing": 0.0,
        "wear.distance": 0.0,
        "wear.slope": 0.0,
        "health.state": 0.0,
        "analysis.failed": 0.0,
        "data.age": 0.0,
    }
)


@dataclass(frozen=True, slots=True)
class RuleWarning:
    """`text` says in English what `code` and `params` say."""

    code: str
    params: Mapping[str, Any]
    text: str


@dataclass(frozen=True, slots=True)
class SilentContacts:
    """Recipients, as rules name them, that get nothing: switched off, or mailboxes nobody has confirmed."""

    inactive: frozenset[str] = frozenset()
    unconfirmed: frozenset[str] = frozenset()


def warnings_of(program: Program, features: Collection[str] | None = None) -> Sequence[RuleWarning]:
    """What its author should know of a condition that was accepted.

    `features` are those of the machine's baseline; None if they are not known.
    """
    unknown = frozenset() if features is None else program.features.difference(features)
    return [*_unseen(unknown), *_never(program, unknown), *_always(program)]


def unreached(recipients: Collection[str], silent: SilentContacts) -> Sequence[RuleWarning]:
    """The recipients to whom nothing is sent."""
    found = []
    if names := _names(recipients, silent.inactive):
        text = f"Nothing is sent to contact points that are switched off: {', '.join(names)}."
        found.append(RuleWarning("inactive_contacts", {"contacts": names}, text))
    if names := _names(recipients, silent.unconfirmed - silent.inactive):
        text = f"Nothing is sent to mailboxes that nobody has confirmed yet: {', '.join(names)}."
        found.append(RuleWarning("unconfirmed_contacts", {"contacts": names}, text))
    return found


def _names(recipients: Collection[str], silent: Collection[str]) -> Sequence[str]:
    return sorted(each.partition(":")[2] for each in set(recipients) & set(silent))


def _unseen(unknown: Collection[str]) -> Iterator[RuleWarning]:
    if unknown:
        names = sorted(unknown)
        text = (
            f"No anomaly can be explained by {', '.join(names)}, because the machine's active baseline does"
            " not judge them."
        )
        yield RuleWarning("unknown_features", {"features": names}, text)


def _never(program: Program, unknown: Collection[str]) -> Iterator[RuleWarning]:
    if _impossible(program, program.when, unknown):
        signals = sorted({leaf.signal for leaf in program.leaves})
        text = f"The rule can never fire: no {' or '.join(signals)} satisfies its condition."
        yield RuleWarning("can_never_fire", {"signals": signals}, text)
    for level, node in program.steps:
        if node is not None and _impossible(program, node, unknown):
            text = f"The severity {level.label} is never reached: nothing satisfies its condition."
            yield RuleWarning("severity_never_reached", {"severity": level.label}, text)


def _always(program: Program) -> Iterator[RuleWarning]:
    truths = []
    for leaf in program.leaves:
        value = IN_ORDER.get(leaf.signal)
        holds = value is not None and bool(leaf.satisfied(np.array([value]))[0])
        truths.append((np.array([holds]), np.array([value is not None and not holds])))
    satisfied, _ = program.when.judge(truths)
    if satisfied[0]:
        yield RuleWarning(
            "fires_when_in_order",
            {},
            "The rule fires while the machine is in order: its condition is satisfied by normal samples.",
        )


def _impossible(program: Program, node: Node, unknown: Collection[str]) -> bool:
    """Whether no values satisfy a node. What lies below a `not` counts as possible.

    An `unknown` feature contributes 0 to every anomaly.
    """
    if node.kind == "any":
        return all(_impossible(program, each, unknown) for each in node.nodes)
    if node.kind == "not":
        return False
    leaves: dict[Key, list[Leaf]] = {}
    for each in _conjoined(node):
        if each.kind == "leaf":
            leaf = program.leaves[each.leaf]
            # A leaf with hysteresis is satisfied between its two values, too.
            key = (leaf.signal, leaf.feature, leaf.window, leaf.reduce)
            leaves.setdefault(key, []).append(leaf)
        elif _impossible(program, each, unknown):
            return True
    return any(_empty(found, absent=found[0].feature in unknown) for found in leaves.values())


def _conjoined(node: Node) -> Iterator[Node]:
    """The nodes that must all be satisfied."""
    if node.kind == "all":
        for each in node.nodes:
            yield from _conjoined(each)
    else:
        yield node


def _empty(leaves: Sequence[Leaf], *, absent: bool) -> bool:
    """Whether no value satisfies all of these leaves, which are of one signal; of an `absent` one, only 0.

    The leaves are tried on every number that they name, between each two of them, and on the signal's bounds.
    """
    low, high = (0.0, 0.0) if absent else BOUNDS.get(leaves[0].signal, (-math.inf, math.inf))
    named = {
        float(value)
        for leaf in leaves
        for value in (*(leaf.value if isinstance(leaf.value, list) else [leaf.value]), leaf.recover)
        if value is not None
    }
    marks = sorted(named | {mark for mark in (low, high) if math.isfinite(mark)})
    between = [(a + b) / 2 for a, b in itertools.pairwise(marks)]
    beyond = [marks[0] - 1, marks[-1] + 1]
    if leaves[0].signal in ("anomaly.severity", "health.state", "analysis.failed"):
        between, beyond = [], [float(each) for each in range(int(low), int(high) + 1)]
    tried = np.array([value for value in (*marks, *between, *beyond) if low <= value <= high])
    holds = np.ones(tried.size, dtype=np.bool_)
    for leaf in leaves:
        holds &= leaf.satisfied(tried) | (leaf.keeps(tried) if leaf.recover is not None else False)
    return not holds.any()
