"""The life of an alert, and what it tells of."""

from datetime import timedelta
from uuid import uuid4

import pytest

from services.alerting.alerts.domain import Alert, AlertStatus, Change, is_power_of_ten
from services.alerting.alerts.findings import of_anomaly
from services.alerting.deliveries.domain import RetryPolicy
from services.alerting.rules.conditions import Severity
from tests.unit.alerting.database.repository_suite import NOW, make_alert, make_machine, make_rule
from tests.unit.alerting.examples import SAMPLE_TIME, anomaly

MACHINE = make_machine(uuid4())
RULE = make_rule(MACHINE, uuid4())


def seen(alert: Alert, ratio: float, severity: Severity, **moment: float) -> tuple[Alert, Change | None]:
    return alert.seen(of_anomaly(anomaly(MACHINE.id, ratio)), severity, NOW + timedelta(**moment))


def test_a_flood_of_one_machine_tells_a_handful_of_times() -> None:
    alert, told = make_alert(RULE), 0
    for number in range(100_000):
        # Three minutes of flood.
        alert, change = alert.seen(FINDING, Severity.MEDIUM, NOW + timedelta(milliseconds=1.8 * number))
        told += change is not None
    assert alert.count == 100_001
    assert alert.version == 100_001
    assert told <= 10


FINDING = of_anomaly(anomaly(MACHINE.id))


def test_the_second_finding_each_power_of_ten_and_each_minute_are_told() -> None:
    alert = make_alert(RULE)
    told = []
    for count in range(2, 1001):
        alert, change = seen(alert, 2, Severity.MEDIUM, seconds=1)
        if change is not None:
            told.append((count, change))
    assert told == [(n, Change.UPDATED) for n in (2, 10, 100, 1000)]
    assert seen(alert, 2, Severity.MEDIUM, seconds=60.9)[1] is None
    assert seen(alert, 2, Severity.MEDIUM, seconds=61)[1] is Change.UPDATED


def test_rising_severity_breaks_the_acknowledgement_and_falling_changes_nothing() -> None:
    alert = make_alert(RULE).acknowledged(uuid4(), "on it", NOW)
    same, change = seen(alert, 2, Severity.MEDIUM, seconds=1)
    assert (change, same.acknowledge_note) == (Change.UPDATED, "on it")
    worse, change = seen(same, 5, Severity.HIGH, seconds=1)
    assert (change, worse.severity) == (Change.SEVERITY_CHANGED, Severity.HIGH)
    assert (worse.acknowledged_at, worse.acknowledged_by, worse.acknowledge_note) == (None, None, None)
    milder, change = seen(worse, 1.6, Severity.LOW, seconds=2)
    assert (change, milder.severity, milder.worst_distance_ratio) == (None, Severity.HIGH, 5)


def test_summary_and_features_are_of_the_worst_finding() -> None:
    alert = make_alert(RULE)
    worst = of_anomaly(anomaly(MACHINE.id, 9.0, timestamp=SAMPLE_TIME - timedelta(hours=1)))
    alert, _ = alert.seen(worst, Severity.MEDIUM, NOW)
    alert, _ = seen(alert, 3, Severity.MEDIUM, seconds=1)
    assert alert.summary.startswith("Pump 7: high anomaly at 9.00 times")
    assert alert.worst_anomaly_id == worst.anomaly_id
    assert alert.anomaly_id != worst.anomaly_id, "the one that opened it stays"
    assert (alert.first_seen_at, alert.last_seen_at) == (SAMPLE_TIME - timedelta(hours=1), SAMPLE_TIME)


def test_an_alert_opens_again_as_if_nobody_had_touched_it() -> None:
    alert = make_alert(RULE).acknowledged(uuid4(), "a", NOW).resolved(uuid4(), "r", NOW)
    again = alert.reopened(FINDING, Severity.CRITICAL, NOW)
    assert again.status is AlertStatus.ACTIVE
    assert (again.count, again.version, again.severity) == (2, 4, Severity.CRITICAL)
    touched = (again.acknowledged_by, again.acknowledged_at, again.acknowledge_note)
    closed = (again.resolved_by, again.resolved_at, again.resolve_note)
    assert touched == closed == (None, None, None)


@pytest.mark.parametrize(
    ("count", "expected"), [(1, False), (10, True), (100, True), (101, False), (20, False)]
)
def test_powers_of_ten(count: int, expected: bool) -> None:
    assert is_power_of_ten(count) is expected


def test_retries_back_off_are_spread_and_end() -> None:
    policy = RetryPolicy(attempts=10, first_delay=timedelta(seconds=5))
    longest = [policy.delay(attempt, jitter=1.0) for attempt in range(1, 10)]
    assert longest[:4] == [timedelta(seconds=s) for s in (5, 20, 80, 320)]
    assert longest[-1] == timedelta(hours=6)
    assert policy.delay(1, jitter=0.0) == timedelta(seconds=2.5)
    assert policy.delay(10, jitter=0.0) is None
    assert RetryPolicy(1_000_000, timedelta(seconds=5)).delay(900_000, 1.0) == timedelta(hours=6)
