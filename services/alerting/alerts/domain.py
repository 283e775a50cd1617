"""Alerts: the findings that open them, and their life cycle."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from services.alerting.rules.domain import Rule
from services.alerting.rules.signals import Observation, Severity

# A screen that shows an alert need not see each of 100,000 anomalies. An ongoing alert publishes an event at
# its second finding, at each power of ten, whenever its severity rises, and otherwise once in this interval.
UPDATE_INTERVAL = timedelta(minutes=1)
FIRST_UPDATE_AT = 2


class AlertStatus(StrEnum):
    """Acknowledgement is separate from status. `pending` and `recovering` are reserved for later triggers."""

    PENDING = "pending"
    ACTIVE = "active"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


class Change(StrEnum):
    RAISED = "raised"
    UPDATED = "updated"
    SEVERITY_CHANGED = "severity_changed"
    ACKNOWLEDGED = "acknowledged"
    REOPENED = "reopened"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one message says about a machine. `text` follows "<machine>: "; times are those of the sample."""

    machine_id: UUID
    observation: Observation
    observed_at: datetime
    text: str
    anomaly_id: UUID | None = None
    analysis_id: UUID | None = None
    distance_ratio: float | None = None
    features: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, slots=True)
class Alert:
    """`version` rises with every change. `summary`, `worst_...` and `features` describe the worst finding.

    `published_at` is when an event was last published about it.
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
    resolved_by: UUID | None
    resolved_at: datetime | None
    resolve_note: str | None
    created_at: datetime
    updated_at: datetime
    published_at: datetime
    version: int

    @classmethod
    def raised(
        cls,
        alert_id: UUID,
        rule: Rule,
        machine_name: str,
        finding: Finding,
        severity: Severity,
        now: datetime,
    ) -> "Alert":
        return cls(
            id=alert_id,
            organization_id=rule.organization_id,
            alert_rule_id=rule.id,
            machine_id=rule.machine_id,
            anomaly_id=finding.anomaly_id,
            status=AlertStatus.ACTIVE,
            severity=severity,
            dedupe_key=rule.dedupe_key,
            rule_name=rule.name,
            machine_name=machine_name,
            summary=f"{machine_name}: {finding.text}",
            count=1,
            first_seen_at=finding.observed_at,
            last_seen_at=finding.observed_at,
            worst_distance_ratio=finding.distance_ratio,
            worst_anomaly_id=finding.anomaly_id,
            analysis_id=finding.analysis_id,
            features=finding.features,
            acknowledged_by=None,
            acknowledged_at=None,
            acknowledge_note=None,
            resolved_by=None,
            resolved_at=None,
            resolve_note=None,
            created_at=now,
            updated_at=now,
            published_at=now,
            version=1,
        )

    def seen(self, finding: Finding, severity: Severity, now: datetime) -> tuple["Alert", Change | None]:
        """The alert after one more finding, and the change to publish, if any."""
        alert = self._with(finding, severity, now)
        if severity > self.severity:
            # It was acknowledged at a lower severity.
            alert = replace(
                alert, published_at=now, acknowledged_by=None, acknowledged_at=None, acknowledge_note=None
            )
            return alert, Change.SEVERITY_CHANGED
        if (
            alert.count == FIRST_UPDATE_AT
            or is_power_of_ten(alert.count)
            or now - self.published_at >= UPDATE_INTERVAL
        ):
            return replace(alert, published_at=now), Change.UPDATED
        return alert, None

    def reopened(self, finding: Finding, severity: Severity, now: datetime) -> "Alert":
        """The resolved alert, open again because its fault recurred."""
        return replace(
            self._with(finding, severity, now),
            status=AlertStatus.ACTIVE,
            published_at=now,
            acknowledged_by=None,
            acknowledged_at=None,
            acknowledge_note=None,
            resolved_by=None,
            resolved_at=None,
            resolve_note=None,
        )

    def acknowledged(self, by: UUID, note: str | None, now: datetime) -> "Alert":
        return replace(self._published(now), acknowledged_by=by, acknowledged_at=now, acknowledge_note=note)

    def resolved(self, by: UUID | None, note: str | None, now: datetime) -> "Alert":
        return replace(
            self._published(now),
            status=AlertStatus.RESOLVED,
            resolved_by=by,
            resolved_at=now,
            resolve_note=note,
        )

    def _published(self, now: datetime) -> "Alert":
        return replace(self, updated_at=now, published_at=now, version=self.version + 1)

    def _with(self, finding: Finding, severity: Severity, now: datetime) -> "Alert":
        alert = replace(
            self,
            severity=max(self.severity, severity),
            count=self.count + 1,
            first_seen_at=min(self.first_seen_at, finding.observed_at),
            last_seen_at=max(self.last_seen_at, finding.observed_at),
            updated_at=now,
            version=self.version + 1,
        )
        if not self._is_worse(finding, severity):
            return alert
        return replace(
            alert,
            summary=f"{self.machine_name}: {finding.text}",
            worst_distance_ratio=finding.distance_ratio,
            worst_anomaly_id=finding.anomaly_id,
            analysis_id=finding.analysis_id,
            features=finding.features,
        )

    def _is_worse(self, finding: Finding, severity: Severity) -> bool:
        if self.worst_distance_ratio is None or finding.distance_ratio is None:
            # Without a distance, the latest message of the highest severity is the worst one.
            return severity >= self.severity
        return finding.distance_ratio > self.worst_distance_ratio


@dataclass(frozen=True, slots=True)
class AlertFilter:
    status: AlertStatus | None = None
    severity: Severity | None = None
    machine_id: UUID | None = None


def is_power_of_ten(count: int) -> bool:
    return count >= 10 and str(count).strip("0") == "1"
