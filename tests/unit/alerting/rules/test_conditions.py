"""The condition language: what holds when, and what is refused where."""

from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from services.alerting.alerts.findings import of_anomaly, of_completed, of_failed
from services.alerting.errors import InvalidRule
from services.alerting.rules.condition_reader import read_condition
from services.alerting.rules.conditions import Observation, Severity
from tests.unit.alerting.examples import anomaly, completed, condition, failed, leaf

MACHINE = uuid4()


def seen(ratio: float = 2.0, severity: str = "high") -> Observation:
    return of_anomaly(anomaly(MACHINE, ratio, severity=severity)).observation


def holds(when: dict[str, Any], observation: Observation | None = None) -> bool:
    judged = read_condition(condition(when)).judge(observation or seen(), Severity.LOW)
    return judged is not None


def refused(document: Any) -> dict[str, str]:
    with pytest.raises(InvalidRule) as caught:
        read_condition(document)
    return {error.pointer.removeprefix("/body/condition"): error.detail for error in caught.value.errors}


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("gt", 2.0, False), ("gt", 1.9, True), ("gte", 2, True), ("gte", 2.1, False),
        ("lt", 2.0, False), ("lt", 2.1, True), ("lte", 2.0, True), ("lte", 1.9, False),
        ("eq", 2, True), ("eq", 3, False), ("ne", 2, False), ("ne", 3, True),
        ("in", [1, 2], True), ("in", [1, 3], False),
        ("within", [2, 3], True), ("within", [1, 2], True), ("within", [2.1, 3], False),
        ("outside", [2, 3], False), ("outside", [2.1, 3], True),
    ],
)  # fmt: skip
def test_numbers_compare(op: str, value: Any, expected: bool) -> None:
    assert holds(leaf(value, op=op)) is expected


@pytest.mark.parametrize(
    ("op", "value", "expected"),
    [
        ("gte", "high", True), ("gt", "high", False), ("gte", "critical", False), ("lt", "critical", True),
        ("lte", "medium", False), ("eq", "high", True), ("ne", "low", True), ("in", ["low", "high"], True),
        ("in", ["low", "critical"], False),
    ],
)  # fmt: skip
def test_severities_compare_by_rank(op: str, value: Any, expected: bool) -> None:
    assert holds(leaf(value, signal="anomaly.severity", op=op)) is expected


def test_features_are_looked_up_by_name_and_count_nothing_when_they_are_not_named() -> None:
    node = leaf(0.5, signal="feature.contribution")
    assert holds(node | {"feature": "f_103"})
    assert not holds(node | {"feature": "f_1"})
    assert not holds(node | {"feature": "f_999"})
    assert holds(leaf(0.5, signal="feature.contribution", op="lt") | {"feature": "f_999"})


def test_runs_and_failures_have_their_own_signals() -> None:
    run = of_completed(completed(MACHINE))
    assert run is not None
    assert holds(leaf("deteriorating", signal="health.state", op="eq"), run.observation)
    assert holds(leaf(["failing", "deteriorating"], signal="health.state", op="in"), run.observation)
    assert holds(leaf(10, signal="anomaly.count"), run.observation)
    assert not holds(leaf(0.06, signal="anomaly.fraction"), run.observation)
    assert of_completed(completed(MACHINE, analysis_type="baseline")) is None
    failure = of_failed(failed(MACHINE)).observation
    assert holds(leaf(True, signal="analysis.failed", op="eq"), failure)
    assert not holds(leaf(False, signal="analysis.failed", op="eq"), failure)


def test_a_condition_sleeps_while_other_messages_come() -> None:
    assert not holds({"not": leaf(100)}, of_failed(failed(MACHINE)).observation)


NODES: st.SearchStrategy[tuple[dict[str, Any], bool]] = st.recursive(
    st.floats(0, 4, allow_nan=False).map(lambda value: (leaf(value), value <= 2.0)),
    lambda inner: st.one_of(
        inner.map(lambda pair: ({"not": pair[0]}, not pair[1])),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda pairs: ({"all": [p[0] for p in pairs]}, all(p[1] for p in pairs))
        ),
        st.lists(inner, min_size=1, max_size=3).map(
            lambda pairs: ({"any": [p[0] for p in pairs]}, any(p[1] for p in pairs))
        ),
    ),
    max_leaves=8,
)


@given(NODES)
def test_branches_mean_what_they_say(pair: tuple[dict[str, Any], bool]) -> None:
    node, expected = pair
    try:
        found = holds(node)
    except InvalidRule:  # nested deeper than a condition may be
        reject()
    assert found is expected


def test_the_highest_severity_step_that_holds_decides() -> None:
    steps = [{"level": "critical", "when": leaf(3)}, {"level": "medium"}]
    staged = read_condition(condition(severity=steps))
    assert staged.judge(seen(2), Severity.HIGH) is Severity.MEDIUM
    assert staged.judge(seen(3), Severity.HIGH) is Severity.CRITICAL
    assert staged.judge(seen(1), Severity.HIGH) is None
    only = replace(staged, severity=staged.severity[:1])
    assert only.judge(seen(2), Severity.HIGH) is Severity.HIGH


def test_the_whole_of_what_is_understood_is_read() -> None:
    read = read_condition(
        condition(
            {"all": [leaf(), {"any": [leaf(3), {"not": leaf("low", signal="anomaly.severity", op="eq")}]}]},
            trigger={"mode": "simple"},
            severity=[{"level": "high"}],
            dedupe={"by": ["machine", "rule"], "reopen_within": "P1DT1H30M5S"},
        )
    )
    assert read.reopen_within == timedelta(days=1, hours=1, minutes=30, seconds=5)


@pytest.mark.parametrize(
    ("document", "pointer", "hint"),
    [
        ([], "", "object"),
        ({"when": leaf()}, "", "version must be 1"),
        ({"version": True, "when": leaf()}, "/version", "must be 1"),
        ({"version": 1}, "", "needs when"),
        (condition(colour="red"), "/colour", "not known"),
        (condition(clear={"auto_resolve": True}), "/clear", "not evaluated yet"),
        (condition(no_data={"after": "P1D"}), "/no_data", "not evaluated yet"),
        (condition(schedule={}), "/schedule", "not evaluated yet"),
        (condition({"all": []}), "/when/all", "1 to 50"),
        (condition({"all": {}}), "/when/all", "list"),
        (condition({"all": [leaf()], "any": [leaf()]}), "/when", "only one of"),
        (condition({"not": []}), "/when/not", "object"),
        (condition({"signal": "anomaly.distance"}), "/when", "signal, op and value"),
        (condition({"all": [leaf(), leaf() | {"window": "PT1H"}]}), "/when/all/1/window", "not evaluated"),
        (condition(leaf() | {"recover": 1.2}), "/when/recover", "not evaluated yet"),
        (condition(leaf() | {"reduce": "max"}), "/when/reduce", "not evaluated yet"),
        (condition(leaf() | {"feature": "f_1"}), "/when/feature", "not known"),
        (condition(leaf(signal="wear.slope")), "/when/signal", "not evaluated yet"),
        (condition(leaf(signal="noise")), "/when/signal", "one of anomaly.distance"),
        (condition(leaf(0.1, signal="feature.contribution")), "/when", "needs feature"),
        (condition(leaf(op="above")), "/when/op", "one of gt"),
        (condition(leaf(["low", "high"], signal="anomaly.severity", op="within")), "/when/op", "one of gt"),
        (condition(leaf("ok", signal="health.state", op="gt")), "/when/op", "one of eq"),
        (condition(leaf(True)), "/when/value", "number"),
        (condition(leaf(float("nan"))), "/when/value", "number"),
        (condition(leaf("2")), "/when/value", "number"),
        (condition(leaf([3, 2], op="within")), "/when/value", "lowest, highest"),
        (condition(leaf([3], op="outside")), "/when/value", "2 to 2"),
        (condition(leaf([1, "x"], op="in")), "/when/value/1", "number"),
        (condition(leaf("bad", signal="anomaly.severity")), "/when/value", "one of low"),
        (condition(leaf(1, signal="analysis.failed", op="eq")), "/when/value", "true or false"),
        (
            condition({"all": [leaf(), {"not": leaf("ok", signal="health.state", op="eq")}]}),
            "/when/all/1/not/signal",
            "not evaluated together yet",
        ),
        (condition(trigger={"mode": "m_of_n", "m": 3, "n": 10}), "/trigger/mode", "use simple"),
        (condition(trigger={"mode": "sometimes"}), "/trigger/mode", "one of simple"),
        (condition(trigger={}), "/trigger", "needs mode"),
        (condition(severity=[{"level": "awful"}]), "/severity/0/level", "one of low"),
        (condition(severity=[{"level": "low", "when": {}}]), "/severity/0/when", "leaf"),
        (condition(severity=[]), "/severity", "1 to 10"),
        (condition(dedupe={"by": ["machine"]}), "/dedupe/by", "nothing else"),
        (condition(dedupe={"reopen_within": "1 hour"}), "/dedupe/reopen_within", "ISO 8601"),
        (condition(dedupe={"reopen_within": "P"}), "/dedupe/reopen_within", "ISO 8601"),
        (condition(dedupe={"reopen_within": "PT"}), "/dedupe/reopen_within", "ISO 8601"),
    ],
)
def test_what_cannot_be_evaluated_is_refused_where_it_stands(document: Any, pointer: str, hint: str) -> None:
    errors = refused(document)
    assert pointer in errors, errors
    assert hint in errors[pointer]


def test_every_problem_is_told_at_once() -> None:
    assert set(refused(condition({"all": [leaf("x"), leaf(op="?")]}, clear={}))) == {
        "/when/all/0/value",
        "/when/all/1/op",
        "/clear",
    }


def test_pointers_escape_odd_keys() -> None:
    assert "/a~1b~0c" in refused(condition() | {"a/b~c": 1})


def test_a_bottomless_condition_is_refused_and_harms_nobody() -> None:
    node = leaf()
    for _ in range(500):
        node = {"not": node}
    assert any("nested deeper" in detail for detail in refused(condition(node)).values())
    wide = {"all": [{"any": [leaf()] * 50}] * 50}
    assert any("one leaf more" in detail for detail in refused(condition(wide)).values())
