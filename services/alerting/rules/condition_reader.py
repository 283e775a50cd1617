"""Reads a condition document, and refuses whatever is wrong or not evaluated yet, with a pointer to it."""

import math
from collections.abc import Mapping
from typing import Any

from services.alerting.errors import InvalidRule
from services.alerting.rules.conditions import (
    FEATURE_SIGNAL,
    OPS,
    SIGNALS,
    AllOf,
    AnyOf,
    Condition,
    Kind,
    Leaf,
    Node,
    Not,
    Op,
    Severity,
    SeverityStep,
    Signal,
    Source,
    Value,
)
from services.alerting.rules.documents import Problems, child, listed

ROOT = "/body/condition"
# Deeper or larger conditions are nothing that a person can read.
DEEPEST = 10
MOST_LEAVES = 100
MOST_BRANCHES = 50
MOST_VALUES = 100
MOST_STEPS = 10
LONGEST_FEATURE = 255

KNOWN_KEYS = ("version", "when", "trigger", "severity", "dedupe")
LATER_KEYS = ("clear", "no_data", "schedule")
LATER_SIGNALS = ("wear.distance", "wear.slope", "data.age")
LATER_LEAF_KEYS = ("reduce", "window", "recover")
LATER_TRIGGERS = ("duration", "m_of_n")
BRANCHES = ("all", "any", "not")
LEVELS = tuple(severity.label for severity in Severity)
# A rule is for one machine, so its own key already tells machines apart.
DEDUPE_KEYS = ({"rule"}, {"rule", "machine"})


def read_condition(document: Any, *, root: str = ROOT) -> Condition:
    """Give the condition that `document` describes. Raises InvalidRule with every problem found."""
    reader = _Reader(Problems(root))
    condition = reader.condition(document)
    if condition is None or reader.problems.found:
        raise InvalidRule(reader.problems.found)
    return condition


class _Reader:
    def __init__(self, problems: Problems) -> None:
        self.problems = problems
        self._leaves = 0
        self._source: Source | None = None

    def condition(self, document: Any) -> Condition | None:
        at = self.problems.root
        node = self.problems.object(at, document)
        if node is None:
            return None
        self.problems.version(at, node)
        self.problems.keys(at, node, known=KNOWN_KEYS, required=("when",), later=LATER_KEYS)
        when = self._node(child(at, "when"), node["when"]) if "when" in node else None
        if "trigger" in node:
            self._trigger(child(at, "trigger"), node["trigger"])
        steps = self._steps(child(at, "severity"), node["severity"]) if "severity" in node else ()
        reopen_within = self._dedupe(child(at, "dedupe"), node["dedupe"]) if "dedupe" in node else None
        if when is None or self._source is None:
            return None
        return Condition(self._source, when, steps, reopen_within)

    def _node(self, at: str, value: Any, depth: int = 1) -> Node | None:
        node = self.problems.object(at, value)
        if node is None:
            return None
        if depth > DEEPEST:
            self.problems.note(at, f"is nested deeper than {DEEPEST} levels")
            return None
        branches = [key for key in BRANCHES if key in node]
        if not branches:
            return self._leaf(at, node)
        if len(node) > 1:
            self.problems.note(at, f"must have only one of {listed(BRANCHES)}, and nothing beside it")
            return None
        return self._branch(at, branches[0], node[branches[0]], depth)

    def _branch(self, at: str, name: str, value: Any, depth: int) -> Node | None:
        inner = child(at, name)
        if name == "not":
            node = self._node(inner, value, depth + 1)
            return None if node is None else Not(node)
        items = self.problems.items(inner, value, most=MOST_BRANCHES)
        nodes = [self._node(child(inner, place), item, depth + 1) for place, item in enumerate(items)]
        good = tuple(node for node in nodes if node is not None)
        return AllOf(good) if name == "all" else AnyOf(good)

    def _leaf(self, at: str, node: Mapping[str, Any]) -> Leaf | None:
        self._leaves += 1
        if self._leaves > MOST_LEAVES:
            self.problems.note(at, f"is one leaf more than the {MOST_LEAVES} that a condition may have")
            return None
        if not {"signal", "op", "value"} <= node.keys():
            self.problems.note(at, f"must be a leaf with signal, op and value, or one of {listed(BRANCHES)}")
            return None
        name = node["signal"]
        known = ["signal", "op", "value", *(["feature"] if name == FEATURE_SIGNAL else [])]
        self.problems.keys(at, node, known=known, later=LATER_LEAF_KEYS)
        signal = self._signal(child(at, "signal"), name)
        if signal is None:
            return None
        feature = self._feature(at, node) if name == FEATURE_SIGNAL else None
        op = self._op(child(at, "op"), signal, node["op"])
        if op is None:
            return None
        value = self._operand(child(at, "value"), signal, op, node["value"])
        return None if value is None else Leaf(name, op, value, feature)

    def _signal(self, at: str, name: Any) -> Signal | None:
        if name in LATER_SIGNALS:
            self.problems.note(at, f"{name} is not evaluated yet: use {listed(SIGNALS)}")
            return None
        if self.problems.one_of(at, name, SIGNALS) is None:
            return None
        signal = SIGNALS[name]
        if self._source is None:
            self._source = signal.source
        elif signal.source is not self._source:
            self.problems.note(
                at,
                f"{name} comes with {signal.source}, an earlier signal of this condition with {self._source}:"
                " signals of different messages are not evaluated together yet; make two rules",
            )
        return signal

    def _feature(self, at: str, node: Mapping[str, Any]) -> str | None:
        if "feature" not in node:
            self.problems.note(at, "needs feature, the name of the column that is meant")
            return None
        return self.problems.text(child(at, "feature"), node["feature"], longest=LONGEST_FEATURE)

    def _op(self, at: str, signal: Signal, name: Any) -> Op | None:
        allowed = OPS[signal.kind]
        if self.problems.one_of(at, name, allowed) is None:
            return None
        return Op(name)

    def _operand(self, at: str, signal: Signal, op: Op, value: Any) -> Value | tuple[Value, ...] | None:
        if op is Op.IN:
            return self._values(at, signal, self.problems.items(at, value, most=MOST_VALUES))
        if op in (Op.WITHIN, Op.OUTSIDE):
            bounds = self._values(at, signal, self.problems.items(at, value, least=2, most=2))
            if bounds is not None and len(bounds) == 2 and bounds[0] > bounds[1]:  # type: ignore[operator]
                self.problems.note(at, "must be [lowest, highest]: the first is larger than the second")
            return bounds
        return self._value(at, signal, value)

    def _values(self, at: str, signal: Signal, items: list[Any]) -> tuple[Value, ...] | None:
        values = [self._value(child(at, place), signal, item) for place, item in enumerate(items)]
        return None if not values or None in values else tuple(v for v in values if v is not None)

    def _value(self, at: str, signal: Signal, value: Any) -> Value | None:
        if signal.kind is Kind.NUMBER:
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
                return float(value)
            self.problems.note(at, "must be a number")
            return None
        if signal.kind is Kind.FLAG:
            if isinstance(value, bool):
                return value
            self.problems.note(at, "must be true or false")
            return None
        label = self.problems.one_of(at, value, signal.labels)
        if label is None or signal.kind is Kind.STATE:
            return label
        return Severity.parse(label)

    def _trigger(self, at: str, value: Any) -> None:
        node = self.problems.object(at, value)
        if node is None:
            return
        mode = node.get("mode")
        if mode in LATER_TRIGGERS:
            self.problems.note(child(at, "mode"), f"{mode} is not evaluated yet: use simple")
            return
        self.problems.keys(at, node, known=("mode",), required=("mode",))
        if "mode" in node:
            self.problems.one_of(child(at, "mode"), mode, ("simple",))

    def _steps(self, at: str, value: Any) -> tuple[SeverityStep, ...]:
        steps: list[SeverityStep] = []
        for place, item in enumerate(self.problems.items(at, value, most=MOST_STEPS)):
            here = child(at, place)
            node = self.problems.object(here, item)
            if node is None:
                continue
            self.problems.keys(here, node, known=("level", "when"), required=("level",))
            level = self.problems.one_of(child(here, "level"), node.get("level"), LEVELS)
            when = self._node(child(here, "when"), node["when"]) if "when" in node else None
            if level is not None:
                steps.append(SeverityStep(Severity.parse(level), when))
        return tuple(steps)

    def _dedupe(self, at: str, value: Any) -> Any:
        node = self.problems.object(at, value)
        if node is None:
            return None
        self.problems.keys(at, node, known=("by", "reopen_within"))
        by = node.get("by", ["rule", "machine"])
        if (
            not isinstance(by, list)
            or not all(isinstance(key, str) for key in by)
            or set(by) not in DEDUPE_KEYS
        ):
            self.problems.note(child(at, "by"), 'must be ["rule", "machine"]: nothing else is evaluated yet')
        if "reopen_within" not in node:
            return None
        return self.problems.duration(child(at, "reopen_within"), node["reopen_within"])
