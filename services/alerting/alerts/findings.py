"""Turns messages of the analysis service into findings that rules can evaluate. Pure."""

from services.alerting.alerts.domain import Finding
from services.alerting.rules.signals import Observation, Severity, Source
from shared.events.analysis import AnalysisCompleted, AnalysisFailed, AnomalyDetected, SourceFailed

# Enough to recognise the fault; the anomaly holds the full explanation.
MAX_FEATURES_SHOWN = 3
MAX_FEATURES_KEPT = 10


def of_anomaly(payload: AnomalyDetected) -> Finding:
    leading = sorted(payload.features, key=lambda feature: feature.share, reverse=True)[:MAX_FEATURES_KEPT]
    shown = ", ".join(
        f"{feature.name} ({feature.deviation:+.1f} sd)" for feature in leading[:MAX_FEATURES_SHOWN]
    )
    return Finding(
        machine_id=payload.machine_id,
        observation=Observation(
            Source.ANOMALY,
            {
                "anomaly.distance": payload.distance,
                "anomaly.distance_ratio": payload.distance_ratio,
                "anomaly.severity": Severity.parse(payload.severity),
            },
            {feature.name: feature.share for feature in payload.features},
        ),
        observed_at=payload.timestamp,
        text=f"{payload.severity} anomaly at {payload.distance_ratio:.2f} times the threshold"
        + (f"; most deviating: {shown}" if shown else ""),
        anomaly_id=payload.anomaly_id,
        analysis_id=payload.analysis_id,
        distance_ratio=payload.distance_ratio,
        features=tuple(feature.model_dump() for feature in leading),
    )


def of_completed(payload: AnalysisCompleted) -> Finding | None:
    """The finding of a monitoring run; a baseline run says nothing about the machine's state."""
    if payload.analysis_type != "monitoring":
        return None
    state = payload.health.state if payload.health else "unknown"
    return Finding(
        machine_id=payload.machine_id,
        observation=Observation(
            Source.COMPLETED,
            {
                "anomaly.count": float(payload.anomaly_count),
                "anomaly.fraction": payload.anomaly_fraction,
                "health.state": state,
            },
            {},
        ),
        observed_at=payload.completed_at,
        text=f"{payload.anomaly_count} of {payload.samples} samples outside normal"
        f" ({payload.anomaly_fraction:.1%}), health {state}",
        analysis_id=payload.analysis_id,
    )


def of_failed(payload: AnalysisFailed) -> Finding:
    return Finding(
        machine_id=payload.machine_id,
        observation=Observation(Source.FAILED, {"analysis.failed": True}, {}),
        observed_at=payload.failed_at,
        text=f"{payload.analysis_type} analysis failed: {payload.error}",
        analysis_id=payload.analysis_id,
    )


def of_source(payload: SourceFailed) -> Finding:
    """Files that do not come are analyses that fail: one signal watches both."""
    return Finding(
        machine_id=payload.machine_id,
        observation=Observation(Source.FAILED, {"analysis.failed": True}, {}),
        observed_at=payload.failed_at,
        text=f"source '{payload.name}' failed: {payload.error}",
    )
