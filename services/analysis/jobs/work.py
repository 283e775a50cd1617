"""A job of an analysis, with everything needed to run it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.analysis.configs.domain import Configuration
from services.analysis.database.unit import Unit
from services.analysis.domain import Analysis, Status
from services.analysis.jobs.domain import QUEUE, Kind
from services.analysis.uploads.domain import FileUpload
from shared.access import Scope
from shared.jobs.queue import Job, Lease, NewJob


@dataclass(frozen=True, slots=True)
class Work:
    """`model_key` is the object key of the model that samples are placed on; a baseline has none yet.

    `baseline_quality` is the quality of the baseline's data, if it was recorded.
    """

    job: Job
    lease: Lease
    analysis: Analysis
    upload: FileUpload
    config: Configuration
    model_key: str | None
    baseline_quality: Mapping[str, Any] | None = None

    @property
    def scope(self) -> Scope:
        return scope_of(self.job)

    def next_job(self, new_id: UUID, kind: Kind, **args: Any) -> NewJob:
        """Create a job that follows from this one and keeps the analysis' place in the queue."""
        analysis = self.analysis
        return NewJob(
            id=new_id,
            queue=QUEUE,
            kind=kind,
            organization_id=analysis.organization_id,
            subject_id=analysis.id,
            args=args,
            size=self.job.size,
            run_at=self.job.run_at,
        )


def scope_of(job: Job) -> Scope:
    return Scope(organization_id=job.organization_id)


async def work_on(unit: Unit, job: Job, lease: Lease, analysis: Analysis) -> Work:
    """Load everything that belongs to a job's analysis. Raises LookupError if something is missing."""
    upload = await unit.uploads.get(analysis.file_upload_id)
    config = await unit.configs.get(analysis.config_id or 0)
    if upload is None or config is None:
        raise LookupError(f"analysis {analysis.id} has no upload or no configuration")
    model_key = None
    if analysis.dinsight_id is not None:
        model_key = await unit.results.model_key(analysis.dinsight_id)
    quality = None if analysis.baseline_id is None else await unit.qualities.get(analysis.baseline_id)
    return Work(job, lease, analysis, upload, config, model_key, quality)


async def continued(unit: Unit, job: Job, lease: Lease) -> Work | None:
    """Load the analysis that a job continues. If it has ended, end the job and return None."""
    analysis = await unit.analyses.get(job.subject_id)
    if analysis is None or analysis.status is not Status.PROCESSING:
        await unit.jobs.complete(job)
        return None
    return await work_on(unit, job, lease, analysis)
