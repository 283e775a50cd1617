"""Events of the analysis service; downstream systems consume `anomaly.detected`."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field

from shared.events.base import Payload, Topic

AnalysisType = Literal["baseline", "monitoring"]
Severity = Literal["low", "medium", "high", "critical"]
HealthState = Literal["ok", "deteriorating", "failing", "unknown"]


class UploadReceived(Payload):
    """Files are stored and wait for a worker. `attempt` is always 1; it is kept for older consumers."""

    analysis_id: UUID
    file_upload_id: UUID
    machine_id: UUID
    analysis_type: AnalysisType
    attempt: int = 1


class AnalysisProgressed(Payload):
    """`progress` runs from 0 to 1 over all stages; `stage` is reading, fitting, scoring or storing."""

    analysis_id: UUID
    machine_id: UUID
    analysis_type: AnalysisType
    stage: str
    progress: float


class Finding(Payload):
    """A reason as a stable `code` with its `params`; `text` is the same in English."""

    code: str
    params: dict[str, Any]
    text: str


class Health(Payload):
    """The machine's state once the run is known; `findings` are the `reasons` with their codes."""

    state: HealthState
    reasons: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()


class AnalysisCompleted(Payload):
    """`results` is the field `results` of `GET /analyses/{id}`.

    Of a monitoring run, `results.wear` is the current wear in standard deviations of the baseline's
    distances, `results.wear_trend` its trend over the machine's runs (`slope_per_day`, `significant`, `runs`;
    or null), and `results.leading_features` what its anomalies point to. `not_judged` samples lacked too many
    sensors; `anomaly_fraction` is of the others.
    """

    analysis_id: UUID
    file_upload_id: UUID
    machine_id: UUID
    analysis_type: AnalysisType
    samples: int
    not_judged: int = 0
    anomaly_count: int = 0
    anomaly_fraction: float = 0.0
    max_distance: float | None = None
    threshold: float | None = None
    health: Health | None = None
    results: dict[str, Any]
    completed_at: datetime


class AnalysisFailed(Payload):
    """`error` says what was wrong, where in which file, and what to do."""

    analysis_id: UUID
    file_upload_id: UUID
    machine_id: UUID
    analysis_type: AnalysisType
    error: str
    code: str | None = None
    params: dict[str, Any] = Field(default_factory=dict)
    file: str | None = None
    row: int | None = None
    column: str | None = None
    failed_at: datetime


class AnalysisArchived(Payload):
    """Points, anomalies and features are in the archive; the analysis stays listed with its results."""

    analysis_id: UUID
    machine_id: UUID
    analysis_type: AnalysisType
    bytes: int
    archived_at: datetime


class AnalysisRestored(Payload):
    """Everything is back as it was. `kept_until` is when it may be archived again."""

    analysis_id: UUID
    machine_id: UUID
    analysis_type: AnalysisType
    kept_until: datetime


class SourceFailed(Payload):
    """Files of a source do not come, or one `file` was refused: `code` with `params`; `error` is the same."""

    source_id: UUID
    machine_id: UUID
    name: str
    code: str
    params: dict[str, Any]
    error: str
    file: str | None = None
    failed_at: datetime


class SourceRecovered(Payload):
    """The first look in order after one that failed."""

    source_id: UUID
    machine_id: UUID
    name: str
    recovered_at: datetime


class FeatureContribution(Payload):
    """A feature's contribution to an anomaly. `deviation` is signed, in standard deviations."""

    name: str
    expected: float
    observed: float
    deviation: float
    share: float


class AnomalyDetected(Payload):
    """A sample outside normal. `distance_ratio` is distance / threshold; `sample_index` counts from 0."""

    anomaly_id: UUID
    analysis_id: UUID
    machine_id: UUID
    sample_index: int
    timestamp: datetime
    severity: Severity
    distance: float
    threshold: float
    distance_ratio: float
    x: float
    y: float
    features: tuple[FeatureContribution, ...]
    metadata: dict[str, Any]


class AnomalyAcknowledged(Payload):
    anomaly_id: UUID
    analysis_id: UUID
    machine_id: UUID
    acknowledged_by: UUID
    acknowledged_at: datetime


UPLOAD_RECEIVED = Topic(
    "upload.received",
    UploadReceived,
    producer="analysis",
    key="analysis_id",
    description="Files are stored and wait for an analysis worker.",
)
ANALYSIS_PROGRESSED = Topic(
    "analysis.progressed",
    AnalysisProgressed,
    producer="analysis",
    key="machine_id",
    description="The progress of an analysis.",
    transient=True,
)
ANALYSIS_COMPLETED = Topic(
    "analysis.completed",
    AnalysisCompleted,
    producer="analysis",
    key="machine_id",
    description="An analysis completed.",
)
ANALYSIS_FAILED = Topic(
    "analysis.failed",
    AnalysisFailed,
    producer="analysis",
    key="machine_id",
    description="An analysis was rejected or failed.",
)
ANALYSIS_ARCHIVED = Topic(
    "analysis.archived",
    AnalysisArchived,
    producer="analysis",
    key="machine_id",
    description="An analysis was archived.",
)
ANALYSIS_RESTORED = Topic(
    "analysis.restored",
    AnalysisRestored,
    producer="analysis",
    key="machine_id",
    description="An archived analysis was restored.",
)
SOURCE_FAILED = Topic(
    "source.failed",
    SourceFailed,
    producer="analysis",
    key="machine_id",
    description="Files of a watched place do not come, or one of them was refused.",
)
SOURCE_RECOVERED = Topic(
    "source.recovered",
    SourceRecovered,
    producer="analysis",
    key="machine_id",
    description="A watched place can be read again.",
)
ANOMALY_DETECTED = Topic(
    "anomaly.detected",
    AnomalyDetected,
    producer="analysis",
    key="machine_id",
    description="A monitored sample is an anomaly: it lies outside the machine's normal range.",
)
ANOMALY_ACKNOWLEDGED = Topic(
    "anomaly.acknowledged",
    AnomalyAcknowledged,
    producer="analysis",
    key="machine_id",
    description="Somebody acknowledged an anomaly.",
)
