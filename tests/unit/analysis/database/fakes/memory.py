"""The contents of the fake database, and what all fake repositories share."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from services.analysis.alerts.domain import AlertRef
from services.analysis.anomalies.domain import Anomaly
from services.analysis.archives.domain import Archive
from services.analysis.baselines.domain import ActiveBaseline
from services.analysis.configs.domain import Configuration
from services.analysis.database.analyses import ScoringState
from services.analysis.database.chunks import MonitorRow, NewChunk
from services.analysis.database.results import FeatureChunk, MapRow
from services.analysis.domain import Analysis
from services.analysis.machines.domain import MachineRef
from services.analysis.organizations.domain import OrganizationRef
from services.analysis.sources.domain import Source, SourceFile
from services.analysis.timeline.domain import RunSummary
from services.analysis.uploads.domain import FileUpload
from shared.access import Scope
from shared.http.pages import Cursor, PageRequest, Slice
from shared.jobs.memory import MemoryQueue

NOT_SCORING = ScoringState(None, 0, None, {})


@dataclass
class StoredChunk:
    new: NewChunk
    summary: Mapping[str, Any] | None = None
    anomalies: Sequence[Mapping[str, Any]] = ()


@dataclass
class Memory:
    """The contents of the fake database."""

    machines: dict[UUID, MachineRef] = field(default_factory=dict)
    configs: dict[int, Configuration] = field(default_factory=dict)
    uploads: dict[UUID, FileUpload] = field(default_factory=dict)
    analyses: dict[UUID, Analysis] = field(default_factory=dict)
    scoring: dict[UUID, ScoringState] = field(default_factory=dict)
    chunks: dict[tuple[UUID, int], StoredChunk] = field(default_factory=dict)
    points: dict[tuple[UUID, int], MonitorRow] = field(default_factory=dict)
    features: list[FeatureChunk] = field(default_factory=list)
    maps: dict[UUID, MapRow] = field(default_factory=dict)
    anomalies: dict[UUID, Anomaly] = field(default_factory=dict)
    qualities: dict[UUID, Mapping[str, Any]] = field(default_factory=dict)
    summaries: dict[UUID, RunSummary] = field(default_factory=dict)
    alerts: dict[UUID, AlertRef] = field(default_factory=dict)
    discarded: dict[int, str] = field(default_factory=dict)
    choices: dict[UUID, ActiveBaseline] = field(default_factory=dict)
    archives: dict[UUID, Archive] = field(default_factory=dict)
    organizations: dict[UUID, OrganizationRef] = field(default_factory=dict)
    sources: dict[UUID, Source] = field(default_factory=dict)
    source_files: dict[UUID, SourceFile] = field(default_factory=dict)


class Scoped:
    """A repository that sees the rows of one organization, as row-level security does."""

    def __init__(self, memory: Memory, scope: Scope, queue: MemoryQueue) -> None:
        self._memory = memory
        self._scope = scope
        self._queue = queue

    def _mine(self, row: Any) -> bool:
        return bool(row.organization_id == self._scope.organization_id)

    def _found(self, row: Any) -> Any:
        return row if row is not None and self._mine(row) else None


def cut_page(rows: Sequence[Any], page: PageRequest, cursor: Callable[[Any], Cursor]) -> Slice[Any]:
    """The newest rows after the page's cursor."""

    def key(row: Any) -> tuple[datetime, UUID]:
        return cursor(row).at, cursor(row).id

    found = sorted(rows, key=key, reverse=True)
    if page.after is not None:
        found = [row for row in found if key(row) < (page.after.at, page.after.id)]
    return Slice.cut(found[: page.limit + 1], page.limit, cursor)
