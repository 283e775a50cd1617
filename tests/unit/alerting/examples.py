"""Examples of messages and documents."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from services.alerting.alerts.domain import Finding
from services.alerting.judging.findings import describe
from services.alerting.series.domain import Kind, Record, microseconds, packed
from shared.events.analysis import (
    AnalysisCompleted,
    AnalysisFailed,
    AnomalyDetected,
    FeatureContribution,
    Health,
    SamplesScored,
    ScoredAnomaly,
    ScoredFeature,
    ScoredRun,
)
from shared.http.problems import pointer

SAMPLE_TIME = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"


def leaf(value: Any = 1.5, *, signal: str = "anomaly.distance_ratio", op: str = "gte") -> dict[str, Any]:
    return {"signal": signal, "op": op, "value": value}


def condition(when: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    # The samples of these examples are from a fixed day, which is long ago for a server of today.
    return {"version": 1, "when": when or leaf(), "late_after": None, **more}


def actions(url: str = "https://example.org/hook", **more: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "steps": [{"after": "PT0S", "channels": ["webhook:cmms"]}],
        "webhooks": {"cmms": {"url": url, "secret": SECRET}},
        **more,
    }


def refused(model: type[BaseModel], document: Any) -> dict[str, str]:
    """The details of validation errors by pointer."""
    with pytest.raises(ValidationError) as caught:
        model.model_validate(document)
    errors = caught.value.errors()
    return {
        pointer({**error, "loc": ("body", *error["loc"])}, document).removeprefix("/body"): error["msg"]
        for error in errors
    }


def anomaly(machine_id: UUID, ratio: float = 2.0, **more: Any) -> AnomalyDetected:
    values: dict[str, Any] = {
        "anomaly_id": uuid4(),
        "analysis_id": uuid4(),
        "machine_id": machine_id,
        "sample_index": 0,
        "timestamp": SAMPLE_TIME,
        "severity": "high",
        "distance": ratio * 0.5,
        "threshold": 0.5,
        "distance_ratio": ratio,
        "x": 0.1,
        "y": 0.2,
        "features": (
            FeatureContribution(name="f_1", expected=1.0, observed=1.1, deviation=0.5, share=0.2),
            FeatureContribution(name="f_103", expected=1.0, observed=5.0, deviation=4.2, share=0.7),
        ),
        "metadata": {},
    }
    return AnomalyDetected(**values | more)


def completed(machine_id: UUID, **more: Any) -> AnalysisCompleted:
    values: dict[str, Any] = {
        "analysis_id": uuid4(),
        "file_upload_id": uuid4(),
        "machine_id": machine_id,
        "analysis_type": "monitoring",
        "samples": 200,
        "anomaly_count": 10,
        "anomaly_fraction": 0.05,
        "health": Health(state="deteriorating"),
        "results": {},
        "completed_at": SAMPLE_TIME,
    }
    return AnalysisCompleted(**values | more)


def failed(machine_id: UUID, **more: Any) -> AnalysisFailed:
    values: dict[str, Any] = {
        "analysis_id": uuid4(),
        "file_upload_id": uuid4(),
        "machine_id": machine_id,
        "analysis_type": "monitoring",
        "error": "row 7 has 3 fields instead of 4",
        "failed_at": SAMPLE_TIME,
    }
    return AnalysisFailed(**values | more)


def scored(
    machine_id: UUID,
    ratios: Sequence[float | None],
    *,
    start: datetime = SAMPLE_TIME,
    every: timedelta = timedelta(minutes=1),
    run: ScoredRun | None = None,
    **more: Any,
) -> SamplesScored:
    """A block of samples, one `every` so often; those above 1 are anomalies, caused by f_1 alone."""
    anomalous = [place for place, ratio in enumerate(ratios) if ratio is not None and ratio > 1]
    many = len(anomalous)
    feature = ScoredFeature(
        name="f_1",
        samples=tuple(anomalous),
        shares=(0.75,) * many,
        deviations=(8.0,) * many,
        expected=(1.0,) * many,
        observed=(2.0,) * many,
    )
    values: dict[str, Any] = {
        "analysis_id": uuid4(),
        "machine_id": machine_id,
        "first_sample": 0,
        "threshold": 0.5,
        "times": tuple(microseconds(start + place * every) for place in range(len(ratios))),
        "ratios": tuple(ratios),
        "anomalies": tuple(
            ScoredAnomaly(sample=place, anomaly_id=uuid4(), severity="high") for place in anomalous
        ),
        "features": (feature,) if many else (),
        "run": run,
    }
    return SamplesScored(**values | more)


def run_end(**more: Any) -> ScoredRun:
    values: dict[str, Any] = {
        "samples": 200,
        "not_judged": 0,
        "anomaly_count": 10,
        "anomaly_fraction": 0.05,
        "health": "ok",
        "wear": 0.1,
        "wear_slope_per_day": 0.0,
        "completed_at": SAMPLE_TIME,
    }
    return ScoredRun(**values | more)


def recorded(payload: BaseModel, number: int = 1, received_at: datetime | None = None) -> Record:
    """The record of a payload, which arrives when its newest sample was taken unless told otherwise."""
    kinds = {
        SamplesScored: Kind.SCORED,
        AnomalyDetected: Kind.ANOMALY,
        AnalysisCompleted: Kind.COMPLETED,
        AnalysisFailed: Kind.FAILED,
    }
    values = payload.model_dump()
    last = SAMPLE_TIME
    if values.get("times"):
        last = datetime.fromtimestamp(max(values["times"]) / 1e6, UTC)
    at = received_at or values.get("timestamp") or last
    return Record(
        uuid4(),
        values["machine_id"],
        values["analysis_id"],
        kinds[type(payload)],
        at,
        at,
        1,
        at,
        packed(payload.model_dump_json().encode()),
        number,
    )


def of_anomaly(payload: AnomalyDetected) -> Finding:
    """What an anomaly says."""
    received = max(payload.timestamp, SAMPLE_TIME)
    [block] = recorded(payload, received_at=received).blocks()
    return describe(block, np.array([0]), payload.machine_id)
