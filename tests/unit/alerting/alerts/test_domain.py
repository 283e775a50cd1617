"""The life cycle of an alert, and when it publishes events."""

from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest

from services.alerting.alerts.domain import Alert, AlertStatus, Change, Resolution
from services.alerting.alerts.findings import of_anomaly
from services.alerting.rules.signals import Severity
from tests.unit.alerting.database.repository_suite import NOW, make_alert, make_machine, make_rule, seen_once
from tests.unit.alerting.examples import SAMPLE_TIME, anomaly

MACHINE = make_machine(uuid4())
RULE = make_rule(MACHINE, uuid4())


def seen(alert: Alert, ratio: float, severity: Severity, **moment: float) -> tuple[Alert, Change | None]:
    return alert.seen(seen_once(of_anomaly(anomaly(MACHINE.id, ratio)), severity), NOW + timedelta(**moment))


def test_a_flood_of_findings_publishes_a_handful_of_events() -> None:
    alert, published = make_alert(RULE), 0
    for number in range(100_000):
        # Three minutes of flood.
        alert, change = alert.seen(
            seen_once(FINDING, Severity.MEDIUM), NOW + timedelta(milliseconds=1.8 * number)
        )
        published += change is not None
    assert alert.count == 100_001
    assert alert.version == 100_001
    assert published <= 10


FINDING = of_anomaly(anomaly(MACHINE.id))


def test_an_event_is_published_at_the_second_finding_each_power_of_ten_and_each_minute() -> None:
    alert = make_alert(RULE)
    published = []
    for count in range(2, 1001):
        alert, change = seen(alert, 2, Severity.MEDIUM, seconds=1)
        if change is not None:
            published.append((count, change))
    assert published == [(n, Change.UPDATED) for n in (2, 10, 100, 1000)]
    assert seen(alert, 2, Severity.MEDIUM, seconds=60.9)[1] is None
    assert seen(alert, 2, Severity.MEDIUM, seconds=61)[1] is Change.UPDATED


def test_a_rise_in_severity_revokes_the_acknowledgement_and_a_fall_changes_nothing() -> None:
    alert = make_alert(RULE).acknowledged(uuid4(), "on it", NOW)
    same, change = seen(alert, 2, Severity.MEDIUM, seconds=1)
    assert (change, same.acknowledge_note) == (Change.UPDATED, "on it")
    worse, change = seen(same, 5, Severity.HIGH, seconds=1)
    assert (change, worse.severity) == (Change.SEVERITY_CHANGED, Severity.HIGH)
    assert (worse.acknowledged_at, worse.acknowledged_by, worse.acknowledge_note) == (None, None, None)
    milder, change = seen(worse, 1.6, Severity.LOW, seconds=2)
    assert (change, milder.severity, milder.worst_distance_ratio) == (None, Severity.HIGH, 5)


def test_summary_and_features_describe_the_worst_finding() -> None:
    alert = make_alert(RULE)
    worst = of_anomaly(anomaly(MACHINE.id, 9.0, timestamp=SAMPLE_TIME - timedelta(hours=1)))
    alert, _ = alert.seen(seen_once(worst, Severity.MEDIUM), NOW)
    alert, _ = seen(alert, 3, Severity.MEDIUM, seconds=1)
    assert alert.summary.startswith("Pump 7: high anomaly at 9.00 times")
    assert alert.worst_anomaly_id == worst.anomaly_id
    assert alert.anomaly_id != worst.anomaly_id, "still the anomaly that opened the alert"
    assert (alert.first_seen_at, alert.last_seen_at) == (SAMPLE_TIME - timedelta(hours=1), SAMPLE_TIME)


def test_a_reopened_alert_is_neither_acknowledged_nor_resolved() -> None:
    alert = make_alert(RULE).acknowledged(uuid4(), "a", NOW).resolved(uuid4(), Resolution("r"), NOW)
    again = alert.reopened_with(seen_once(FINDING, Severity.CRITICAL), NOW)
    assert again.status is AlertStatus.ACTIVE
    assert (again.count, again.version, again.severity) == (2, 4, Severity.CRITICAL)
    touched = (again.acknowledged_by, again.acknowledged_at, again.acknowledge_note)
    closed = (again.resolved_by, again.resolved_at, again.resolve_note)
    assert touched == closed == (None, None, None)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [(1, 9, False), (9, 10, True), (10, 99, False), (50, 1200, True), (100, 101, False)],
)
def test_a_block_of_findings_that_passes_a_power_of_ten_publishes_an_event(
    before: int, after: int, expected: bool
) -> None:
    alert = replace(make_alert(RULE), count=before)
    block = replace(seen_once(FINDING, Severity.MEDIUM), count=after - before)
    assert alert.seen(block, NOW)[1] is (Change.UPDATED if expected else None)
