"""Conditions that are accepted with a warning."""

from typing import Any

import pytest

from services.alerting.rules.conditions import EXAMPLE, compile_condition
from services.alerting.rules.warnings import warnings_of
from tests.unit.alerting.examples import condition, leaf


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
