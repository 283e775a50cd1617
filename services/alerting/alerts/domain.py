"""Alerts: the findings that open them, and their life cycle."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.alerting.rules.domain import Rule
from services.alerting.rules.signals import Severity

# A screen that shows an alert need not see each of 100,000 anomalies. An ongoing alert publishes an event at
# its second finding, at each power of ten, whenever its severity changes, and else once in this interval.
UPDATE_INTERVAL = timedelta(minutes=1)
FIRST_UPDATE_AT = 2


class AlertStatus(StrEnum):
    """Acknowledgement and assignment are separate from status.

    Of a pending alert, the condition holds but the trigger does not yet; of a recovering one, the condition
    holds no longer, but the alert is not cleared yet.
    """

    PENDING = "pending"
    ACTIVE = "active"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


OPEN = (AlertStatus.PENDING, AlertStatus.ACTIVE, AlertStatus.RECOVERING)


class Change(StrEnum):
    RAISED = "raised"
    UPDATED = "updated"
    SEVERITY_CHANGED = "severity_changed"
    ACKNOWLEDGED = "acknowledged"
    UNACKNOWLEDGED = "unacknowledged"
    ASSIGNED = "assigned"
    COMMENTED = "commented"
    REOPENED = "reopened"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


class AlertOutcome(StrEnum):
    """What an alert turned out to be. True and false alarms give the precision of its rule."""

    TRUE_ALARM = "true_alarm"
    FALSE_ALARM = "false_alarm"
    MAINTENANCE = "maintenance"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one message says about a machine. `text` follows "<machine>: "; times are those of the sample."""

    machine_id: UUID
    observed_at: datetime
    text: str
    anomaly_id: UUID | None = None
    analysis_id: UUID | None = None
    distance_ratio: float | None = None
    features: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Seen:
    """Findings of one rule: `worst` of them, how many, and the times of the oldest and newest sample."""

    worst: Finding
    severity: Severity
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Resolution:
    """How an alert ended. `code` names a reason of the service; people give a note and an outcome."""

    note: str | None = None
    code: str | None = None
    outcome: AlertOutcome | None = None
    fault_code: str | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """`version` rises with every change. `summary`, `worst_...` and `features` describe the worst finding.

    `published_at` is when an event was last published about it. It is `untold` while nobody was notified that
    it is open.
    """

    id: UUID
    organization_id: UUID
    alert_rule_id: UUID
    machine_id: UUID
    anomaly_id: UUID | None
    status: AlertStatus
    severity: Severity
    dedupe_key: str
    rule_name: str
    machine_name: str
    summary: str
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    worst_distance_ratio: float | None
    worst_anomaly_id: UUID | None
    analysis_id: UUID | None
    features: tuple[Mapping[str, Any], ...]
    acknowledged_by: UUID | None
    acknowledged_at: datetime | None
    acknowledge_note: str | None
    acknowledge_expires_at: datetime | None
    assigned_to: UUID | None
    resolved_by: UUID | None
    resolved_at: datetime | None
    resolve_note: str | None
    resolve_code: str | None
    outcome: AlertOutcome | None
    fault_code: str | None
    created_at: datetime
    updated_at: datetime
    published_at: datetime
    version: int
    untold: bool = False

    @classmethod
    def opened(
        cls,
        alert_id: UUID,
        rule: Rule,
        machine_name: str,
        seen: Seen,
        now: datetime,
        *,
        status: AlertStatus = AlertStatus.ACTIVE,
        dedupe_key: str | None = None,
        untold: bool = False,
    ) -> "Alert":
        return cls(
            id=alert_id,
            organization_id=rule.organization_id,
            alert_rule_id=rule.id,
            machine_id=rule.machine_id,
            anomaly_id=seen.worst.anomaly_id,
            status=status,
            severity=seen.severity,
            dedupe_key=dedupe_key or rule.dedupe_key,
            rule_name=rule.name,
            machine_name=machine_name,
            summary=f"{machine_name}: {seen.worst.text}",
            count=seen.count,
            first_seen_at=min(seen.first_at, now),
            last_seen_at=min(seen.last_at, now),
            worst_distance_ratio=seen.worst.distance_ratio,
            worst_anomaly_id=seen.worst.anomaly_id,
            analysis_id=seen.worst.analysis_id,
            features=seen.worst.features,
            acknowledged_by=None,
            acknowledged_at=None,
            acknowledge_note=None,
            acknowledge_expires_at=None,
            assigned_to=None,
            resolved_by=None,
            resolved_at=None,
            resolve_note=None,
            resolve_code=None,
            outcome=None,
            fault_code=None,
            created_at=now,
            updated_at=now,
            published_at=now,
            version=1,
            untold=untold,
        )

    @property
    def is_open(self) -> bool:
        return self.status is not AlertStatus.RESOLVED

    def seen(self, seen: Seen, now: datetime) -> tuple["Alert", Change | None]:
        """The alert after further findings, and the change to publish, if any.

        A pending alert stays pending: `activated` ends that.
        """
        alert = self._with(seen, now)
        recurred = self.status is AlertStatus.RECOVERING
        if recurred:
            alert = replace(alert, status=AlertStatus.ACTIVE)
        if seen.severity > self.severity:
            return alert._unclaimed(now), Change.SEVERITY_CHANGED
        if (
            recurred
            or alert.count == FIRST_UPDATE_AT
            or _passed_power_of_ten(self.count, alert.count)
            or now - self.published_at >= UPDATE_INTERVAL
        ):
            return replace(alert, published_at=now), Change.UPDATED
        return alert, None

    def activated(self, seen: Seen, now: datetime) -> "Alert":
        """The pending alert whose trigger has fired: it is raised now, not when it became pending."""
        return replace(self._with(seen, now), status=AlertStatus.ACTIVE, created_at=now, published_at=now)

    def reopened_with(self, seen: Seen, now: datetime) -> "Alert":
        """The resolved alert, open again because its fault recurred."""
        return self._with(seen, now)._open_again(now)

    def reopened(self, now: datetime) -> "Alert":
        """The resolved alert, open again because a person says that it is not over."""
        return replace(self._changed(now)._open_again(now), untold=False)

    def told(self, now: datetime) -> "Alert":
        """The alert that people are told of only now."""
        return replace(self._changed(now), untold=False)

    def rated(self, severity: Severity, now: datetime) -> "Alert":
        """The alert at another severity. It was acknowledged at a lower one, if that is higher."""
        alert = replace(self._changed(now), severity=severity)
        return alert._unclaimed(now) if severity > self.severity else alert

    def recovering(self, now: datetime) -> "Alert":
        return replace(self._changed(now), status=AlertStatus.RECOVERING)

    def acknowledged(
        self, by: UUID | None, note: str | None, now: datetime, expires_at: datetime | None = None
    ) -> "Alert":
        return replace(
            self._changed(now),
            acknowledged_by=by,
            acknowledged_at=now,
            acknowledge_note=note,
            acknowledge_expires_at=expires_at,
        )

    def unacknowledged(self, now: datetime) -> "Alert":
        return self._changed(now)._unclaimed(now)

    def assigned(self, to: UUID | None, now: datetime) -> "Alert":
        return replace(self._changed(now), assigned_to=to)

    def commented(self, now: datetime) -> "Alert":
        return self._changed(now)

    def resolved(self, by: UUID | None, how: Resolution, now: datetime) -> "Alert":
        return replace(
            self._changed(now),
            status=AlertStatus.RESOLVED,
            resolved_by=by,
            resolved_at=now,
            resolve_note=how.note,
            resolve_code=how.code,
            outcome=how.outcome,
            fault_code=how.fault_code,
        )

    def learned(self, how: Resolution, now: datetime) -> "Alert":
        """The resolved alert with what became known later; itself if nothing did."""
        known = replace(
            self,
            resolve_note=how.note or self.resolve_note,
            outcome=how.outcome or self.outcome,
            fault_code=how.fault_code or self.fault_code,
        )
        return self if known == self else known._changed(now)

    def _changed(self, now: datetime) -> "Alert":
        return replace(self, updated_at=now, published_at=now, version=self.version + 1)

    def _unclaimed(self, now: datetime) -> "Alert":
        return replace(
            self,
            published_at=now,
            acknowledged_by=None,
            acknowledged_at=None,
            acknowledge_note=None,
            acknowledge_expires_at=None,
        )

    def _open_again(self, now: datetime) -> "Alert":
        return replace(
            self._unclaimed(now),
            status=AlertStatus.ACTIVE,
            resolved_by=None,
            resolved_at=None,
            resolve_note=None,
            resolve_code=None,
            outcome=None,
            fault_code=None,
        )

    def _with(self, seen: Seen, now: datetime) -> "Alert":
        alert = replace(
            self,
            severity=max(self.severity, seen.severity),
            count=self.count + seen.count,
            first_seen_at=min(self.first_seen_at, seen.first_at),
            # A sample of the future does not pin it there.
            last_seen_at=max(self.last_seen_at, min(seen.last_at, now)),
            updated_at=now,
            version=self.version + 1,
        )
        if not self._is_worse(seen):
            return alert
        return replace(
            alert,
            summary=f"{self.machine_name}: {seen.worst.text}",
            worst_distance_ratio=seen.worst.distance_ratio,
            worst_anomaly_id=seen.worst.anomaly_id,
            analysis_id=seen.worst.analysis_id,
            features=seen.worst.features,
        )

    def _is_worse(self, seen: Seen) -> bool:
        if self.worst_distance_ratio is None or seen.worst.distance_ratio is None:
            # Without a distance, the latest message of the highest severity is the worst one.
            return seen.severity >= self.severity
        return seen.worst.distance_ratio > self.worst_distance_ratio


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Pending alerts, of which nobody was told, are only shown to those who ask for that status.

    `since` and `until` are about when an alert was raised; `until` is excluded.
    """

    status: AlertStatus | None = None
    severity: Severity | None = None
    machine_id: UUID | None = None
    alert_rule_id: UUID | None = None
    assigned_to: UUID | None = None
    open: bool | None = None
    unacknowledged: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


def _passed_power_of_ten(before: int, after: int) -> bool:
    """Whether a power of ten from 10 on lies in (before, after]."""
    return after >= 10 and len(str(after)) > len(str(before))
