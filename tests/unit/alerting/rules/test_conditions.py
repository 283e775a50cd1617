"""The condition language: evaluation, and validation with pointers."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from services.alerting.rules.conditions import ConditionDocument, compile_condition
from services.alerting.rules.signals import Severity
from tests.unit.alerting import examples
from tests.unit.alerting.examples import anomaly, completed, condition, failed, leaf
from tests.unit.alerting.judging.simulation import Simulation

MACHINE = uuid4()


def judged(
    document: dict[str, Any], *payloads: BaseModel, default: Severity = Severity.LOW
) -> Severity | None:
    """The severity at which a rule with this condition fires; None if it does not."""
    simulation = Simulation(document, severity=default)
    for payload in payloads:
        simulation.send(payload)
    return simulation.said[-1].severity if simulation.said else None


def holds(when: dict[str, Any], payload: BaseModel | None = None) -> bool:
    return judged(condition(when), payload or anomaly(MACHINE, 2.0, severity="high")) is not None


def refused(document: Any) -> dict[str, str]:
    return examples.refused(ConditionDocument, document)


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


def test_features_are_found_by_name_and_contribute_0_if_not_mentioned() -> None:
    node = leaf(0.5, signal="feature.contribution")
    assert holds(node | {"feature": "f_103"})
    assert not holds(node | {"feature": "f_1"})
    assert not holds(node | {"feature": "f_999"})
    assert holds(leaf(0.5, signal="feature.contribution", op="lt") | {"feature": "f_999"})


def test_runs_and_failures_have_their_own_signals() -> None:
    run = completed(MACHINE)
    assert holds(leaf("deteriorating", signal="health.state", op="eq"), run)
    assert holds(leaf(["failing", "deteriorating"], signal="health.state", op="in"), run)
    assert holds(leaf(10, signal="anomaly.count"), run)
    assert not holds(leaf(0.06, signal="anomaly.fraction"), run)
    assert holds(leaf(True, signal="analysis.failed", op="eq"), failed(MACHINE))
    assert not holds(leaf(False, signal="analysis.failed", op="eq"), failed(MACHINE))


def test_messages_of_another_source_do_not_satisfy_a_condition() -> None:
    assert not holds({"not": leaf(100)}, failed(MACHINE))


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
def test_branches_combine_their_nodes(pair: tuple[dict[str, Any], bool]) -> None:
    node, expected = pair
    try:
        found = holds(node)
    except ValidationError:  # too deep
        reject()
    assert found is expected


def test_the_highest_severity_step_that_applies_sets_the_severity() -> None:
    steps = [{"level": "critical", "when": leaf(3)}, {"level": "medium"}]
    staged = condition(severity=steps)
    assert judged(staged, anomaly(MACHINE, 2), default=Severity.HIGH) is Severity.MEDIUM
    assert judged(staged, anomaly(MACHINE, 3), default=Severity.HIGH) is Severity.CRITICAL
    assert judged(staged, anomaly(MACHINE, 1), default=Severity.HIGH) is None
    only = condition(severity=steps[:1])
    assert judged(only, anomaly(MACHINE, 2), default=Severity.HIGH) is Severity.HIGH


def test_a_condition_with_all_keys_is_compiled() -> None:
    read = compile_condition(
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
        ([], "", "dictionary"),
        ({"when": leaf()}, "/version", "required"),
        ({"version": True, "when": leaf()}, "/version", "must be 1"),
        ({"version": 1}, "/when", "required"),
        (condition(colour="red"), "/colour", "not permitted"),
        (condition(clear={"after": "PT1H"}), "/clear/after", "not permitted"),
        (condition(no_data={}), "/no_data/after", "required"),
        (condition(no_data={"after": "PT0S"}), "/no_data/after", "longer than PT0S"),
        (condition(no_data={"after": "P1D", "state": "ok"}), "/no_data/state", "should be 'alert'"),
        (condition(schedule={"tz": "Mars/Olympus", "mute": [{}]}), "/schedule/tz", "time zone"),
        (condition(schedule={"tz": "UTC", "mute": []}), "/schedule/mute", "at least 1 item"),
        (condition(schedule={"tz": "UTC", "mute": [{"days": ["day"]}]}), "/schedule/mute/0/days/0", "'mon'"),
        (condition(schedule={"tz": "UTC", "mute": [{"from": "25:00"}]}), "/schedule/mute/0/from", "match"),
        (condition(late_after="soon"), "/late_after", "ISO 8601"),
        (condition({"all": []}), "/when/all", "at least 1 item"),
        (condition({"all": {}}), "/when/all", "list"),
        (condition({"all": [leaf()], "any": [leaf()]}), "/when/any", "not permitted"),
        (condition({"not": []}), "/when/not", "must be a condition"),
        (condition({"signal": "anomaly.distance"}), "/when/value", "required"),
        (condition({"all": [leaf(), leaf() | {"window": "PT1H"}]}), "/when/all/1/window", "needs reduce"),
        (condition(leaf() | {"reduce": "max"}), "/when/reduce", "needs window"),
        (condition(leaf() | {"reduce": "max", "window": "P31D"}), "/when/window", "at most P30D"),
        (condition(leaf() | {"reduce": "sum", "window": "PT1H"}), "/when/reduce", "should be 'min'"),
        (condition(leaf() | {"recover": 1.6}), "/when/recover", "must not be above value"),
        (condition(leaf(op="lt") | {"recover": 1.2}), "/when/recover", "must not be below value"),
        (condition(leaf(op="eq") | {"recover": 1.2}), "/when/recover", "gt, gte, lt and lte only"),
        (
            condition(leaf("ok", signal="health.state", op="eq") | {"window": "PT1H"}),
            "/when/window",
            "permitted",
        ),
        (condition(leaf(3600, signal="data.age")), "/when/value", "string"),
        (condition(leaf() | {"feature": "f_1"}), "/when/feature", "not permitted"),
        (condition(leaf(signal="noise")), "/when/signal", "one of anomaly.distance"),
        (condition(leaf(0.1, signal="feature.contribution")), "/when/feature", "required"),
        (condition(leaf(op="above")), "/when/op", "should be 'gt'"),
        (
            condition(leaf(["low", "high"], signal="anomaly.severity", op="within")),
            "/when/op",
            "should be 'gt'",
        ),
        (condition(leaf("ok", signal="health.state", op="gt")), "/when/op", "should be 'eq'"),
        (condition(leaf(True)), "/when/value", "number"),
        (condition(leaf(float("nan"))), "/when/value", "number"),
        (condition(leaf("2")), "/when/value", "number"),
        (condition(leaf([3, 2], op="within")), "/when/value", "lowest, highest"),
        (condition(leaf([3], op="outside")), "/when/value", "lowest, highest"),
        (condition(leaf(3, op="within")), "/when/value", "lowest, highest"),
        (condition(leaf(3, op="in")), "/when/value", "list of values"),
        (condition(leaf([3])), "/when/value", "single value"),
        (condition(leaf([3] * 101, op="in")), "/when/value", "at most 100"),
        (condition(leaf([1, "x"], op="in")), "/when/value/1", "number"),
        (condition(leaf("bad", signal="anomaly.severity")), "/when/value", "should be 'low'"),
        (condition(leaf(1, signal="analysis.failed", op="eq")), "/when/value", "boolean"),
        (condition(trigger={"mode": "m_of_n", "m": 3, "n": 2}), "/trigger/m", "greater than n"),
        (condition(trigger={"mode": "m_of_n", "m": 3}), "/trigger/n", "required"),
        (condition(trigger={"mode": "duration", "for": "PT0S"}), "/trigger/for", "longer than PT0S"),
        (condition(trigger={"mode": "sometimes"}), "/trigger", "simple"),
        (condition(trigger={}), "/trigger", "mode"),
        (condition(severity=[{"level": "awful"}]), "/severity/0/level", "should be 'low'"),
        (condition(severity=[{"level": "low", "when": {}}]), "/severity/0/when", "signal, op and value"),
        (condition(severity=[]), "/severity", "at least 1 item"),
        (condition(dedupe={"by": ["machine"]}), "/dedupe/by", "one machine"),
        (condition(dedupe={"reopen_within": "1 hour"}), "/dedupe/reopen_within", "ISO 8601"),
        (condition(dedupe={"reopen_within": "P"}), "/dedupe/reopen_within", "ISO 8601"),
        (condition(dedupe={"reopen_within": "PT"}), "/dedupe/reopen_within", "ISO 8601"),
    ],
)
def test_an_invalid_condition_is_refused_with_a_pointer(document: Any, pointer: str, hint: str) -> None:
    errors = refused(document)
    assert pointer in errors, errors
    assert hint in errors[pointer]


def test_all_errors_are_reported_at_once() -> None:
    assert set(refused(condition({"all": [leaf("x"), leaf(op="?")]}, clear={"x": 1}))) == {
        "/when/all/0/value",
        "/when/all/1/op",
        "/clear/x",
    }


def test_pointers_escape_special_characters() -> None:
    assert "/a~1b~0c" in refused(condition() | {"a/b~c": 1})


def nested(levels: int) -> dict[str, Any]:
    node = leaf()
    for _ in range(levels - 1):
        node = {"not": node}
    return node


def test_depth_is_limited() -> None:
    assert holds(nested(9))
    pointer = "/when" + "/not" * 10
    assert refused(condition(nested(11))) == {pointer: "exceeds the maximum depth of 10"}
    assert refused(condition(nested(500))) == {pointer: "exceeds the maximum depth of 10"}


def test_the_number_of_leaves_is_limited_across_branches_and_steps() -> None:
    wide = {"all": [{"any": [leaf()] * 50}] * 2}
    assert holds(wide)
    over = condition(wide, severity=[{"level": "low", "when": leaf()}])
    assert refused(over) == {"/severity/0/when": "exceeds the maximum of 100 conditions"}


def test_a_condition_is_kept_as_it_was_sent() -> None:
    document = condition(leaf(2), dedupe={"reopen_within": "PT60M"})
    sent = ConditionDocument.model_validate(document).as_sent
    assert (sent, repr(sent)) == (document, repr(document))


def test_the_json_schema_describes_the_whole_language() -> None:
    schema = str(ConditionDocument.model_json_schema())
    for key in (
        "recover",
        "window",
        "reduce",
        "clear",
        "no_data",
        "schedule",
        "wear.slope",
        "m_of_n",
        "late_after",
    ):
        assert key in schema
    assert "{}" not in schema, "no schema that accepts anything"
