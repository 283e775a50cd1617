"""HTTP models of archiving and restoring."""

from uuid import UUID

from pydantic import BaseModel, Field

from services.analysis.domain import Analysis, Status


class ArchiveAccepted(BaseModel):
    id: UUID
    status: Status
    stage: str | None = Field(description="`archiving` or `restoring` until the status changes")

    @classmethod
    def of(cls, analysis: Analysis) -> "ArchiveAccepted":
        return cls.model_validate(analysis, from_attributes=True)
