"""Precision with its interval, and what spends the budget."""

from datetime import date, time
from uuid import uuid4

import pytest
from pydantic import ValidationError

from services.alerting.performance.domain import AlertBudget, NightlyCalls, report, wilson
from services.alerting.performance.schemas import AlertBudgetBody
from services.alerting.rules.signals import Severity

BUDGET = AlertBudget(2, time(22), time(6), "Europe/Berlin", Severity.HIGH)


def test_without_outcomes_there_is_no_precision() -> None:
    assert wilson(0, 0) is None


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # R. G. Newcombe, Two-sided confidence intervals for the single proportion, Statistics in Medicine 17
    # (1998), table I, method 3.
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_that_of_the_literature(successes: int, trials: int, low: float, high: float) -> None:
    found = wilson(successes, trials)
    assert found is not None
    assert found.value == successes / trials
    assert (found.low, found.high) == pytest.approx((low, high), abs=5e-5)


def test_a_report_says_which_nights_are_over_and_which_rules_spent_the_budget() -> None:
    noisy, quiet = uuid4(), uuid4()
    first, second = date(2026, 1, 1), date(2026, 1, 2)
    calls = [
        NightlyCalls(first, noisy, "noisy", 2),
        NightlyCalls(second, noisy, "noisy", 4),
        NightlyCalls(second, quiet, "quiet", 2),
    ]
    found = report(BUDGET, calls)
    assert found.nights == {first: 2, second: 6}
    assert found.over == [second]
    assert [(rule.rule_id, rule.alerts, rule.share) for rule in found.rules] == [
        (noisy, 6, 0.75),
        (quiet, 2, 0.25),
    ]
    assert report(BUDGET, []).rules == []


def test_only_severities_from_the_lowest_one_on_count() -> None:
    assert BUDGET.severities == ["high", "critical"]


@pytest.mark.parametrize(
    "wrong", [{"time_zone": "Mars/Base"}, {"starts_at": "22:00Z"}, {"max_alerts": -1}, {"min_severity": "x"}]
)
def test_a_budget_is_checked(wrong: dict[str, object]) -> None:
    body = AlertBudgetBody.of(BUDGET).model_dump(mode="json")
    assert AlertBudgetBody.model_validate(body).budget() == BUDGET
    with pytest.raises(ValidationError):
        AlertBudgetBody.model_validate(body | wrong)
