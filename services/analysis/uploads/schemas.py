"""HTTP models of uploads."""

from uuid import UUID

from pydantic import BaseModel

from services.analysis.domain import Analysis, Status


class AnalysisAccepted(BaseModel):
    id: UUID
    file_upload_id: UUID
    status: Status

    @classmethod
    def of(cls, analysis: Analysis) -> "AnalysisAccepted":
        return cls.model_validate(analysis, from_attributes=True)
