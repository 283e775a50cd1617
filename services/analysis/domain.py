"""Analyses, which every part of the service deals with."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID


class AnalysisType(StrEnum):
    BASELINE = "baseline"
    MONITORING = "monitoring"


class Status(StrEnum):
    """The status of an analysis, and of its upload."""

    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    # Of analyses alone: points, anomalies and features are in the archive, which can be restored.
    ARCHIVED = "archived"
    # Of analyses alone: a job deletes everything of it, and then the analysis is gone.
    DELETING = "deleting"


@dataclass(frozen=True, slots=True)
class Analysis:
    """`dinsight_id` is the map that a baseline created, or that a monitoring run is placed on.

    `progress` runs from 0 to 1. `error` has the keys message, code, params, file, row, column, suggestion and
    proposal; those of earlier versions have fewer.
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
    archived_at: datetime | None = None
    # A restored analysis is not archived again before then.
    kept_until: datetime | None = None
    # The number of a completed baseline among its machine's.
    baseline_version: int | None = None


@dataclass(frozen=True, slots=True)
class AnalysisFilter:
    machine_id: UUID | None = None
    analysis_type: AnalysisType | None = None
    status: Status | None = None
