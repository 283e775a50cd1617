"""HTTP models of analyses and their results."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from services.analysis.domain import Analysis, AnalysisType, Status
from services.analysis.results.domain import RealisedRun
from services.analysis.uploads.domain import FileUpload
from shared.http.columns import Columns


class AnalysisError(BaseModel):
    message: str
    code: str | None = Field(None, description="The kind of the error, which stays when the wording changes")
    params: dict[str, Any] = Field({}, description="The particulars of the message, by name")
    file: str | None = None
    row: int | None = None
    column: str | None = None
    suggestion: dict[str, str] | None = Field(
        None, description="end_meta, start_dim and end_dim as detected in the file"
    )
    proposal: dict[str, Any] | None = Field(
        None,
        description="Fields of a configuration that would make the file readable: check them, and send them"
        " as `config` with the file",
    )


class AnalysisOut(BaseModel):
    id: UUID
    machine_id: UUID
    file_upload_id: UUID
    baseline_id: UUID | None = Field(
        description="The baseline analysis that the monitoring run is compared with"
    )
    dinsight_id: UUID | None = Field(
        description="The map that the baseline created, or that the samples are placed on"
    )
    config_id: int | None
    analysis_type: AnalysisType
    status: Status
    stage: str | None
    progress: float = Field(ge=0, le=1)
    results: dict[str, Any] | None
    error: AnalysisError | None
    created_by: UUID
    created_at: datetime
    completed_at: datetime | None
    baseline_version: int | None = Field(None, description="The number of a completed baseline")
    archived_at: datetime | None = Field(
        None, description="When it was archived; its results stay, POST .../restore brings back the rest"
    )

    @classmethod
    def of(cls, analysis: Analysis) -> "AnalysisOut":
        return cls.model_validate(analysis, from_attributes=True)


class Realised(BaseModel):
    """What samples that turned out to be normal did. `reason` says by what they are known as normal."""

    samples: int
    anomalies: int
    rate: float
    reason: Literal["health_ok", "false_alarms"]


class AnalysisDetail(AnalysisOut):
    realised: Realised | None = Field(
        description="To compare with `results.promised`: the share of anomalies in a run that turned out to"
        " be normal, because its health was ok and no alert during it was a true alarm or maintenance, or"
        " because every alert during it was a false alarm. Null for other runs"
    )

    @classmethod
    def with_realised(cls, analysis: Analysis, found: RealisedRun | None) -> "AnalysisDetail":
        own = {name: getattr(analysis, name) for name in AnalysisOut.model_fields}
        realised = None
        if found is not None:
            rate = found.anomalies / found.samples
            realised = {
                "samples": found.samples,
                "anomalies": found.anomalies,
                "rate": rate,
                "reason": found.reason,
            }
        return cls.model_validate(own | {"realised": realised})


class Points(Columns):
    """Parallel columns with one entry per sample.

    Samples of which too much was missing have no place and no distance (null): they were not judged.
    """

    x: list[float | None]
    y: list[float | None]
    distance: list[float | None] = Field(description="The detector's distance from normal; null: not judged")
    misfit: list[float | None] = Field(
        description="The placement residual: how much of the sample's deviation the map cannot show"
    )
    anomaly: list[bool]
    metadata: list[dict[str, Any]]


class MergedFile(BaseModel):
    filename: str
    size: int


class FileUploadOut(BaseModel):
    id: UUID
    original_filename: str
    file_size: int
    status: Status
    error_message: str | None
    merged_files: list[MergedFile]
    features: list[str] | None
    samples: int | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, upload: FileUpload) -> "FileUploadOut":
        return cls.model_validate(upload, from_attributes=True)


class Features(Columns):
    """`values` has one row per sample and one column per name in `features`; missing ones are null."""

    features: list[str]
    values: list[list[float | None]]
    metadata: list[dict[str, Any]]
