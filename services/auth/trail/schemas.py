"""HTTP models of the audit trail."""

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel, Field

from services.auth.trail.domain import AuditEntry


class AuditEntryOut(BaseModel):
    id: UUID
    user_id: UUID | None
    organization_id: UUID | None
    action: str
    resource_type: str | None
    resource_id: UUID | None
    changes: dict[str, Any] | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    api_key_id: UUID | None = Field(description="The API key that was used; `user_id` is then its creator")

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryOut":
        return cls.model_validate(entry, from_attributes=True)
