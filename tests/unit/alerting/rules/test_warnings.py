"""Conditions that are accepted with a warning."""

from typing import Any
from uuid import uuid4

import pytest

from services.alerting.rules.conditions import EXAMPLE, compile_condition
from services.alerting.rules.features import FeatureDirectory
from services.alerting.rules.warnings import SilentContacts, unreached, warnings_of
from shared.access import Caller
from shared.errors import NotFound, Unauthenticated, Unavailable
from tests.support.fakes import caller
from tests.unit.alerting.examples import condition, leaf

MACHINE = uuid4()


def codes(when: dict[str, Any], **more: Any) -> list[str]:
    return [each.code for each in warnings_of(compile_condition(condition(when, **more)))]


@pytest.mark.parametrize(
    "when",
    [
        {"all": [leaf(5, op="gt"), leaf(1, op="lt")]},
        {"all": [leaf(2, op="gt"), leaf(2, op="lte")]},
        {"all": [{"all": [leaf(5, op="gt")]}, {"all": [leaf([1, 2], op="within")]}]},
        {"any": [leaf(1.5, signal="anomaly.fraction", op="gt"), leaf(-1, signal="anomaly.count", op="lt")]},
        leaf("critical", signal="anomaly.severity", op="gt"),
        leaf(["low", "high"], signal="anomaly.severity", op="in") | {"value": "low", "op": "lt"},
        leaf(1.2, signal="feature.contribution") | {"feature": "f_1"},
        {"all": [leaf(3, op="eq"), leaf(3, op="ne")]},
    ],
)
def test_a_condition_that_nothing_satisfies_can_never_fire(when: dict[str, Any]) -> None:
    assert codes(when) == ["can_never_fire"]


@pytest.mark.parametrize(
    "when",
    [
        EXAMPLE["when"],
        {"all": [leaf(1, op="gt"), leaf(5, op="lt")]},
        {"all": [leaf(1.5) | {"recover": 1.0}, leaf(1.2, op="lt")]},
        {"any": [leaf(5, op="gt"), leaf(-1, op="lt")]},
        {"all": [leaf(5, op="gt"), leaf(1, op="lt", signal="anomaly.distance")]},
        {"all": [
            leaf(5, op="gt") | {"window": "PT1H", "reduce": "max"},
            leaf(1, op="lt") | {"window": "PT1H", "reduce": "min"},
        ]},
        {"all": [leaf(1.5), {"not": leaf(3)}]},
        leaf(0.5, signal="wear.slope", op="gt"),
    ],
)  # fmt: skip
def test_a_condition_that_something_satisfies_has_no_warning(when: dict[str, Any]) -> None:
    assert codes(when) == []


@pytest.mark.parametrize(
    "when",
    [
        leaf(2, op="lt"),
        {"not": leaf(2)},
        leaf(False, signal="analysis.failed", op="eq"),
        leaf("failing", signal="health.state", op="ne"),
        {"any": [leaf(3), leaf(0, signal="anomaly.count", op="gte")]},
    ],
)
def test_a_condition_of_every_machine_in_order_is_told(when: dict[str, Any]) -> None:
    assert codes(when) == ["fires_when_in_order"]


def test_a_severity_that_is_never_reached_is_told() -> None:
    steps = [{"level": "critical", "when": {"all": [leaf(5, op="gt"), leaf(1, op="lt")]}}]
    assert codes(leaf(), severity=steps) == ["severity_never_reached"]


CAUSED_BY = leaf(0.3, signal="feature.contribution") | {"feature": "f_9"}


@pytest.mark.parametrize(
    ("when", "expected"),
    [
        (CAUSED_BY, ["unknown_features", "can_never_fire"]),
        ({"all": [leaf(), CAUSED_BY]}, ["unknown_features", "can_never_fire"]),
        ({"any": [leaf(), CAUSED_BY]}, ["unknown_features"]),
        (leaf(0.3, signal="feature.contribution", op="lt") | {"feature": "f_9"}, ["unknown_features"]),
    ],
)
def test_a_feature_that_the_baseline_does_not_judge_is_told(
    when: dict[str, Any], expected: list[str]
) -> None:
    program = compile_condition(condition(when))
    assert [each.code for each in warnings_of(program, {"f_1", "f_2"})] == expected
    assert warnings_of(program, {"f_1", "f_9"}) == []
    assert warnings_of(program) == [], "without a baseline, nothing is known"


def test_recipients_that_get_nothing_are_told() -> None:
    silent = SilentContacts(
        inactive=frozenset({"contact:off", "contact:both"}),
        unconfirmed=frozenset({"contact:mail", "contact:both", "contact:another"}),
    )
    told = unreached(["role:operator", "contact:mail", "contact:off", "contact:both", "contact:mail"], silent)
    assert [(each.code, each.params) for each in told] == [
        ("inactive_contacts", {"contacts": ["both", "off"]}),
        ("unconfirmed_contacts", {"contacts": ["mail"]}),
    ]
    assert unreached(["role:operator", "contact:fine"], silent) == []


class Analysis:
    """A machine's versions of a baseline: the first one is active. `features` of its file."""

    def __init__(
        self, features: list[str] | None, *, versions: int = 2, error: Exception | None = None
    ) -> None:
        self.asked: list[str] = []
        versions_of = [{"analysis_id": f"a{n}", "active": n == 0} for n in reversed(range(versions))]
        self._answers: dict[str, Any] = {
            f"/machines/{MACHINE}/baselines?limit=500": {"items": versions_of},
            "/analyses/a0": {"file_upload_id": "u0", "results": {"dropped_features": ["f_2"]}},
            "/file-uploads/u0": {"features": features},
        }
        self._error = error

    async def get(self, path: str, *, caller: Caller | None = None) -> dict[str, Any]:
        assert caller is not None
        self.asked.append(path)
        if self._error is not None:
            raise self._error
        answer: dict[str, Any] = self._answers[path.removeprefix("/api/v1")]
        return answer


@pytest.mark.parametrize(
    ("analysis", "seen"),
    [
        (Analysis(["f_1", "f_2"]), {"f_1"}),
        (Analysis(None), None),
        (Analysis([], versions=0), None),
        (Analysis([], error=Unavailable("analysis does not respond")), None),
        (Analysis([], error=NotFound("no such machine")), None),
        (Analysis([], error=Unauthenticated("the session has ended")), None),
    ],
)
async def test_features_are_those_that_the_active_baseline_judges(
    analysis: Analysis, seen: set[str] | None
) -> None:
    directory = FeatureDirectory(analysis)
    assert await directory.seen_by(caller(), MACHINE, compile_condition(condition(CAUSED_BY))) == seen


async def test_analysis_is_not_asked_about_rules_that_name_no_feature() -> None:
    analysis = Analysis(["f_1"])
    assert await FeatureDirectory(analysis).seen_by(caller(), MACHINE, compile_condition(condition())) is None
    assert analysis.asked == []
