"""Counts of alerts: of a list, and of a shift."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from services.alerting.alerts.domain import AlertStatus
from services.alerting.rules.signals import Severity


@dataclass(frozen=True, slots=True)
class Group:
    """Alerts that have status, severity and acknowledgement in common."""

    status: str
    severity: str
    acknowledged: bool


@dataclass(frozen=True, slots=True)
class AlertCounts:
    total: int
    open: int
    unacknowledged: int
    by_status: dict[str, int]
    by_severity: dict[str, int]

    @classmethod
    def of(cls, groups: Sequence[tuple[Group, int]]) -> "AlertCounts":
        """`unacknowledged` are those of them that are open."""
        return cls(
            total=sum(count for _, count in groups),
            open=sum(count for group, count in groups if group.status != AlertStatus.RESOLVED),
            unacknowledged=sum(
                count
                for group, count in groups
                if group.status != AlertStatus.RESOLVED and not group.acknowledged
            ),
            by_status={
                status.value: sum(count for group, count in groups if group.status == status)
                for status in AlertStatus
            },
            by_severity={
                severity.label: sum(count for group, count in groups if group.severity == severity.label)
                for severity in Severity
            },
        )


@dataclass(frozen=True, slots=True)
class Busy:
    """A machine or a rule with the alerts that it raised in a period; `open` ones still are."""

    id: UUID
    name: str
    raised: int
    open: int


@dataclass(frozen=True, slots=True)
class AlertSummary:
    """Alerts of a shift, or of any period. What is open is open now, whenever it was raised."""

    since: datetime
    until: datetime
    raised: int
    raised_critical: int
    acknowledged: int
    median_seconds_to_acknowledge: float | None
    resolved: int
    true_alarms: int
    false_alarms: int
    maintenance: int
    open: int
    open_critical: int
    open_unacknowledged: int
    open_unassigned: int
    oldest_unacknowledged_at: datetime | None
    machines: Sequence[Busy]
    rules: Sequence[Busy]
