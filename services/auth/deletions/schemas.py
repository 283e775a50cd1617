"""HTTP models of deletions."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, Field

from services.auth.deletions.domain import Deletion
from shared.events.deletions import DeletionKind


class ServiceReport(BaseModel):
    """What one service deleted."""

    rows: dict[str, int] = Field(description="Deleted rows by table")
    objects: int = Field(description="Deleted objects of the object store")
    bytes: int = Field(description="The size of these objects")
    finished_at: datetime


class DeletionOut(BaseModel):
    """The certificate, complete once `completed_at` is set: every service has reported then."""

    id: UUID
    kind: DeletionKind
    subject_id: UUID
    part_ids: list[UUID] = Field(description="The runs that were deleted with a baseline")
    organization_id: UUID | None
    requested_by: UUID
    requested_at: datetime
    completed_at: datetime | None
    backups_expire_at: datetime = Field(description="When the last backup that holds the data is deleted")
    reports: dict[str, ServiceReport] = Field(description="By service")

    @classmethod
    def of(cls, deletion: Deletion) -> "DeletionOut":
        return cls.model_validate(deletion, from_attributes=True)
