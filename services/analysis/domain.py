"""What the analysis service speaks of: configurations, uploads, analyses, anomalies."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

# A metadata column of one of these names dates the samples, if its values can be read as times.
TIME_COLUMNS = ("timestamp", "time", "datetime", "date")
# A worker may die this often on one file; then the file is what kills it.
MOST_ATTEMPTS = 3


class AnalysisType(StrEnum):
    BASELINE = "baseline"
    MONITORING = "monitoring"


class Status(StrEnum):
    """States of an analysis, and of the upload it reads."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class Stage(StrEnum):
    READING = "reading"
    FITTING = "fitting"
    SCORING = "scoring"
    STORING = "storing"


@dataclass(frozen=True, slots=True)
class Configuration:
    """One version of an organization's parameters; the columns of `config_data`."""

    id: int
    organization_id: UUID
    version: int
    gamma0: float
    optimizer: str
    alpha: float
    end_meta: str
    start_dim: str
    end_dim: str
    imax: int
    lowdim: int
    eta: float
    epsilon: float
    beta1: float
    beta2: float
    beta: float
    a: float
    w1: float
    w2: float
    which_w1: str
    mode: str
    param_mode: float
    scaling: str
    detector: str
    ewma: float | None
    sensitivity: float
    created_at: datetime
    created_by: UUID | None


# What a client may set; everything else in a configuration is the system's.
EDITABLE = (
    "gamma0",
    "optimizer",
    "alpha",
    "end_meta",
    "start_dim",
    "end_dim",
    "scaling",
    "detector",
    "ewma",
    "sensitivity",
)
PARAMETERS = (
    *EDITABLE,
    "imax",
    "lowdim",
    "eta",
    "epsilon",
    "beta1",
    "beta2",
    "beta",
    "a",
    "w1",
    "w2",
    "which_w1",
    "mode",
    "param_mode",
)


@dataclass(frozen=True, slots=True)
class MachineRef:
    """The replica of a machine. Version 0 was asked for over HTTP; any event is newer."""

    id: UUID
    organization_id: UUID
    name: str
    status: str
    version: int
    deleted: bool
    changed_at: datetime


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file of an upload: the client's name for it, its size in bytes, its key in the object store."""

    filename: str
    size: int
    key: str


@dataclass(frozen=True, slots=True)
class FileUpload:
    """`file_path` is the prefix of the files' keys; `features` and `samples` are known once they are read."""

    id: UUID
    organization_id: UUID
    original_filename: str
    file_size: int
    file_path: str
    status: Status
    error_message: str | None
    merged_files: Sequence[Mapping[str, Any]]
    features: Sequence[str] | None
    samples: int | None
    created_at: datetime
    updated_at: datetime

    @property
    def files(self) -> list[StoredFile]:
        return [
            StoredFile(file["filename"], file["size"], file_key(self.file_path, place))
            for place, file in enumerate(self.merged_files)
        ]


@dataclass(frozen=True, slots=True)
class Analysis:
    """`dinsight_id` is the map that a baseline made, or that a monitoring run was placed on.

    `progress` runs from 0 to 1; `error` has message, file, row, column and suggestion.
    """

    id: UUID
    organization_id: UUID
    machine_id: UUID
    file_upload_id: UUID
    dinsight_id: UUID | None
    baseline_id: UUID | None
    config_id: int | None
    analysis_type: AnalysisType
    status: Status
    stage: str | None
    progress: float
    results: Mapping[str, Any] | None
    error: Mapping[str, Any] | None
    attempts: int
    created_by: UUID
    created_at: datetime
    completed_at: datetime | None


@dataclass(frozen=True, slots=True)
class AnalysisFilter:
    machine_id: UUID | None = None
    analysis_type: AnalysisType | None = None
    status: Status | None = None


@dataclass(frozen=True, slots=True)
class Anomaly:
    """A sample outside normal. `features` holds the explanation: features, strongest first, and bands."""

    id: UUID
    organization_id: UUID
    analysis_id: UUID
    machine_id: UUID
    timestamp: datetime
    severity: str
    distance: float
    threshold: float
    features: Mapping[str, Any]
    metadata: Mapping[str, Any] | None
    acknowledged: bool
    acknowledged_by: UUID | None
    acknowledged_at: datetime | None
    created_at: datetime
    sample_index: int
    x: float
    y: float


@dataclass(frozen=True, slots=True)
class AnomalyFilter:
    """`since` is inclusive, `until` exclusive."""

    machine_id: UUID | None = None
    analysis_id: UUID | None = None
    severity: str | None = None
    acknowledged: bool | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class DailyAnomalies:
    machine_id: UUID
    day: date
    severity: str
    anomalies: int
    worst_ratio: float | None


def file_key(prefix: str, place: int) -> str:
    """The object key of an upload's file: made of generated ids, never of the client's name."""
    return f"{prefix}/{place:04d}"


def upload_prefix(upload_id: UUID) -> str:
    return f"uploads/{upload_id}"


def moment(text: object) -> datetime | None:
    """Read an ISO 8601 time; without a zone it is UTC. None when it is no time."""
    if not isinstance(text, str):
        return None
    try:
        read = datetime.fromisoformat(text.strip())
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def sample_time(metadata: Mapping[str, Any], index: int, uploaded_at: datetime) -> datetime:
    """When a sample was taken: its time column, else the upload's time plus one microsecond per sample.

    The microseconds keep the samples' order where nothing else dates them.
    """
    for name, value in metadata.items():
        if name.strip().lower() in TIME_COLUMNS and (read := moment(value)) is not None:
            return read
    return uploaded_at + timedelta(microseconds=index)
