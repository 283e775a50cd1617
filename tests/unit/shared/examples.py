"""An example payload for each topic, used by the golden files."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from shared.events import alerting, analysis, auth, deletions, machines
from shared.events.base import Payload
from shared.retention import OwnRetention


def _id(number: int) -> UUID:
    return UUID(int=number)


_AT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
_ALERT = {
    "alert_id": _id(1),
    "alert_rule_id": _id(2),
    "rule_name": "Far from normal",
    "machine_id": _id(3),
    "anomaly_id": _id(4),
    "status": "active",
    "severity": "high",
    "count": 3,
    "first_seen_at": _AT,
    "last_seen_at": _AT,
    "worst_distance_ratio": 2.5,
    "summary": "Pump 7: 2.5 times the threshold",
    "machine_name": "Pump 7",
    "analysis_id": _id(5),
    "acknowledged_by": _id(6),
    "outcome": "true_alarm",
    "fault_code": "BRG-02",
    "version": 2,
}

_DELETION: dict[str, Any] = {
    "deletion_id": _id(7),
    "kind": "machine",
    "subject_id": _id(3),
    "organization_id": _id(1),
    "requested_by": _id(2),
    "requested_at": _AT,
    "backups_expire_at": _AT,
}

EXAMPLES: dict[str, Payload] = {
    "organization.changed": auth.OrganizationChanged(
        organization_id=_id(1),
        name="Plant",
        slug="plant",
        is_active=True,
        version=1,
        changed_at=_AT,
        retention=OwnRetention(analyses_days=90, export_audit_logs=True),
    ),
    "membership.changed": auth.MembershipChanged(
        organization_id=_id(1),
        user_id=_id(2),
        email="ada@example.org",
        full_name="Ada",
        role="owner",
        is_active=True,
        version=1,
        changed_at=_AT,
    ),
    "access.ended": auth.AccessEnded(session_id=_id(4), ended_at=_AT),
    "audit.recorded": auth.AuditRecorded(
        user_id=_id(2),
        action="machine.created",
        resource_type="machine",
        resource_id=_id(3),
        changes={"after": {"name": "Pump 7"}},
        ip_address="203.0.113.7",
        user_agent="browser",
        occurred_at=_AT,
        api_key_id=_id(9),
    ),
    "deletion.requested": deletions.DeletionRequested(**_DELETION),
    "deletion.reported": deletions.DeletionReported(
        **_DELETION,
        service="analysis",
        rows={"analyses": 2, "file_uploads": 2},
        objects=3,
        bytes=70_000,
        finished_at=_AT,
    ),
    "machine.changed": machines.MachineChanged(
        machine_id=_id(3),
        name="Pump 7",
        model="P-75",
        serial_number=None,
        location="Hall 3",
        status="active",
        metadata={"kw": 75},
        tags=("line-3",),
        version=1,
        changed_at=_AT,
    ),
    "upload.received": analysis.UploadReceived(
        analysis_id=_id(1), file_upload_id=_id(2), machine_id=_id(3), analysis_type="baseline"
    ),
    "analysis.progressed": analysis.AnalysisProgressed(
        analysis_id=_id(1), machine_id=_id(3), analysis_type="baseline", stage="reading", progress=0.25
    ),
    "analysis.completed": analysis.AnalysisCompleted(
        analysis_id=_id(1),
        file_upload_id=_id(2),
        machine_id=_id(3),
        analysis_type="monitoring",
        samples=200,
        anomaly_count=4,
        anomaly_fraction=0.02,
        max_distance=7.5,
        threshold=3.0,
        health=analysis.Health(state="ok"),
        results={"samples": 200},
        completed_at=_AT,
    ),
    "analysis.failed": analysis.AnalysisFailed(
        analysis_id=_id(1),
        file_upload_id=_id(2),
        machine_id=_id(3),
        analysis_type="monitoring",
        error="pump.csv, row 3, column f_7: 'x' is not a number.",
        file="pump.csv",
        row=3,
        column="f_7",
        failed_at=_AT,
    ),
    "analysis.archived": analysis.AnalysisArchived(
        analysis_id=_id(5), machine_id=_id(3), analysis_type="monitoring", bytes=81920, archived_at=_AT
    ),
    "analysis.restored": analysis.AnalysisRestored(
        analysis_id=_id(5), machine_id=_id(3), analysis_type="monitoring", kept_until=_AT
    ),
    "source.failed": analysis.SourceFailed(
        source_id=_id(6),
        machine_id=_id(3),
        name="Logger of pump 3",
        code="host-unreachable",
        params={"host": "files.example.com", "port": 22},
        error="There is no connection to files.example.com, port 22, or it broke (ConnectionLost).",
        failed_at=_AT,
    ),
    "source.recovered": analysis.SourceRecovered(
        source_id=_id(6), machine_id=_id(3), name="Logger of pump 3", recovered_at=_AT
    ),
    "anomaly.detected": analysis.AnomalyDetected(
        anomaly_id=_id(4),
        analysis_id=_id(1),
        machine_id=_id(3),
        sample_index=17,
        timestamp=_AT,
        severity="high",
        distance=7.5,
        threshold=3.0,
        distance_ratio=2.5,
        x=0.25,
        y=-0.5,
        features=(
            analysis.FeatureContribution(name="f_7", expected=1.0, observed=2.0, deviation=8.0, share=0.75),
        ),
        metadata={"participant": "run 3"},
        scored=True,
    ),
    "samples.scored": analysis.SamplesScored(
        analysis_id=_id(1),
        machine_id=_id(3),
        first_sample=512,
        threshold=3.0,
        times=(1767323045000000, 1767323105000000, 1767323165000000),
        ratios=(0.5, 2.5, None),
        missing=(0.0, 0.0, 0.75),
        anomalies=(analysis.ScoredAnomaly(sample=1, anomaly_id=_id(4), severity="high"),),
        features=(
            analysis.ScoredFeature(
                name="f_7", samples=(1,), shares=(0.75,), deviations=(8.0,), expected=(1.0,), observed=(2.0,)
            ),
        ),
        run=analysis.ScoredRun(
            samples=515,
            not_judged=1,
            anomaly_count=1,
            anomaly_fraction=1 / 514,
            health="ok",
            wear=0.25,
            wear_slope_per_day=None,
            completed_at=_AT,
        ),
    ),
    "anomaly.acknowledged": analysis.AnomalyAcknowledged(
        anomaly_id=_id(4), analysis_id=_id(1), machine_id=_id(3), acknowledged_by=_id(2), acknowledged_at=_AT
    ),
    "alert.raised": alerting.AlertRaised.model_validate(_ALERT),
    "alert.changed": alerting.AlertChanged.model_validate(_ALERT | {"change": "acknowledged"}),
}
