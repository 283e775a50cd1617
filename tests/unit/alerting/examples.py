"""Examples of messages and documents."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from pydantic import BaseModel, ValidationError

from shared.events.analysis import (
    AnalysisCompleted,
    AnalysisFailed,
    AnomalyDetected,
    FeatureContribution,
    Health,
)
from shared.http.problems import pointer

SAMPLE_TIME = datetime(2026, 1, 1, 12, tzinfo=UTC)
SECRET = "whsec_" + "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0"


def leaf(value: Any = 1.5, *, signal: str = "anomaly.distance_ratio", op: str = "gte") -> dict[str, Any]:
    return {"signal": signal, "op": op, "value": value}


def condition(when: dict[str, Any] | None = None, **more: Any) -> dict[str, Any]:
    return {"version": 1, "when": when or leaf(), **more}


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
