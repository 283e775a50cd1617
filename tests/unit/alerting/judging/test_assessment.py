"""Runs of few samples are judged as one stretch, and the rule says what it says of them one by one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.alerting.judging import assessment, core
from services.alerting.judging.assessment import Assessed, Pass, Watched, assess
from services.alerting.judging.core import Judged
from services.alerting.judging.state import Phase, State, Transition, TransitionKind
from services.alerting.rules.conditions import compile_condition
from services.alerting.rules.signals import Severity
from services.alerting.series.domain import Record
from tests.unit.alerting.database.repository_suite import make_machine, make_rule
from tests.unit.alerting.examples import SAMPLE_TIME, condition, leaf, recorded, run_end, scored

MACHINE = make_machine(uuid4())
NOW = SAMPLE_TIME + timedelta(days=2)
CONDITIONS: Sequence[dict[str, Any]] = (
    condition(),
    condition(clear={"no_recurrence_for": "PT0S"}),
    condition(clear={"no_recurrence_for": "PT5M"}),
    condition(clear={"no_recurrence_for": "PT30M"}, late_after="PT10M"),
    condition(leaf() | {"recover": 0.8}, clear={"no_recurrence_for": "PT3M"}),
    condition(trigger={"mode": "m_of_n", "m": 2, "n": 3}, clear={"no_recurrence_for": "PT10M"}),
    condition(trigger={"mode": "duration", "for": "PT4M"}, clear={"no_recurrence_for": "PT10M"}),
    # No mean of these ratios: sums of floats depend on what was added before.
    condition(leaf(0.9137) | {"window": "PT10M", "reduce": "mean"}, clear={"no_recurrence_for": "PT10M"}),
    condition(leaf(0.9) | {"window": "PT10M", "reduce": "median"}),
    condition(leaf(2, signal="anomaly.count") | {"window": "PT15M"}),
    condition({"any": [leaf(2.5), leaf("failing", signal="health.state", op="eq")]}),
    condition({"any": [leaf(2.5), leaf(True, signal="analysis.failed", op="eq")]}),
    condition({"all": [leaf(), {"not": leaf("ok", signal="health.state", op="eq")}]}),
    condition(leaf(0.2, signal="quality.missing")),
)
RATIOS = st.one_of(st.none(), st.sampled_from([0.5, 0.9, 1.2, 1.6, 2.0, 3.0]))
HEALTH = st.sampled_from(["ok", "failing", None])
# Minutes from the end of the run before to the beginning of this one. A run that goes on has no health.
RUNS = st.lists(
    st.tuples(st.integers(-20, 20), st.integers(0, 15), st.lists(RATIOS, min_size=1, max_size=3), HEALTH),
    min_size=1,
    max_size=12,
)


Run: TypeAlias = tuple[int, int, list[float | None], str | None]


def watched(document: dict[str, Any]) -> Watched:
    judged = Judged(MACHINE.id, compile_condition(document), Severity.MEDIUM, SAMPLE_TIME)
    return Watched(make_rule(MACHINE, uuid4()), judged, State(1, ""), Phase.IDLE)


def records_of(runs: Sequence[Run]) -> list[Record]:
    found, at, arrived = [], SAMPLE_TIME, SAMPLE_TIME
    for number, (gap, delay, ratios, health) in enumerate(runs, 1):
        start = at + timedelta(minutes=gap)
        end = start + timedelta(minutes=len(ratios) - 1)
        arrived = max(arrived, end + timedelta(minutes=delay))
        run = run_end(samples=len(ratios), health=health) if health else None
        payload = scored(MACHINE.id, ratios, start=start, run=run)
        found.append(recorded(payload, number, arrived))
        at = max(at, end)
    return found


def at_once(rule: Watched, records: Sequence[Record]) -> Assessed:
    [assessed], _ = assess([rule], Pass(records, (), NOW, caught_up=False, active=True))
    return assessed


def one_by_one(rule: Watched, records: Sequence[Record]) -> tuple[State, list[Transition]]:
    state, said = rule.state, list[Transition]()
    for place, record in enumerate(records):
        each = Watched(rule.rule, rule.judged, state, state.live.phase)
        [assessed], _ = assess([each], Pass([record], records[:place], NOW, caught_up=False, active=True))
        state = assessed.state
        said += assessed.transitions
    return state, said


def openings(said: Sequence[Transition]) -> list[tuple[object, ...]]:
    """When alerts opened and ended, and how many samples they counted."""
    found: list[tuple[object, ...]] = []
    count = 0
    for each in said:
        count += each.count if each.kind in (TransitionKind.RAISED, TransitionKind.FOUND) else 0
        if each.kind is TransitionKind.RAISED:
            found.append((each.kind, each.first_at, each.quiet))
        elif each.kind is TransitionKind.CLEARED:
            found.append((each.kind, each.at))
    return [*found, ("counted", count)]


def remembered(state: State) -> dict[str, Any]:
    """What is remembered, without the example of a pending alert: any of its samples will do."""
    stored = state.stored()
    for name in ("live", "late"):
        del stored[name]["held"], stored[name]["levels"]
    return stored


@pytest.mark.parametrize("document", CONDITIONS)
@given(runs=RUNS)
def test_a_stretch_says_what_its_runs_say(document: dict[str, Any], runs: list[Run]) -> None:
    rule, records = watched(document), records_of(runs)
    state, said = one_by_one(rule, records)
    assessed = at_once(rule, records)
    assert openings(assessed.transitions) == openings(said)
    assert remembered(assessed.state) == remembered(state)


def test_runs_that_follow_each_other_are_judged_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    judged: list[int] = []

    def counting(*arguments: Any) -> Any:
        judged.append(len(arguments[2].block))
        return original(*arguments)

    original = core.judge
    monkeypatch.setattr(assessment, "judge", counting)
    at_once(watched(condition()), records_of([(1, 0, [2.0], "ok")] * 40))
    assert judged == [40]


def test_an_alert_names_the_run_of_its_worst_sample() -> None:
    records = records_of([(1, 0, [1.6], "ok"), (1, 0, [1.2, 3.0], None), (1, 0, [2.0], "ok")])
    [raised] = at_once(watched(condition()), records).transitions
    assert raised.finding is not None
    assert (raised.finding.analysis_id, raised.finding.distance_ratio) == (records[1].analysis_id, 3.0)
    assert isinstance(raised.finding.anomaly_id, UUID)
    assert [each["name"] for each in raised.finding.features] == ["f_1"]


def test_what_a_rule_has_judged_is_not_judged_again() -> None:
    records = records_of([(1, 0, [2.0], "ok")] * 4)
    rule = watched(condition())
    state = at_once(rule, records[:2]).state
    [found] = at_once(Watched(rule.rule, rule.judged, state, state.live.phase), records).transitions
    assert (found.kind, found.count) == (TransitionKind.FOUND, 2)
