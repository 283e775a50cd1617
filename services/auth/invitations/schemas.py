"""HTTP models of invitations."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.auth.fields import Email, RoleName
from services.auth.invitations.domain import Invitation


class InvitationCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(examples=["operator@example.org"])
    role: RoleName


class InvitationOut(BaseModel):
    id: UUID
    email: str
    role: RoleName
    invited_by: UUID
    created_at: datetime
    expires_at: datetime

    @classmethod
    def of(cls, invitation: Invitation) -> "InvitationOut":
        return cls.model_validate(
            {
                "id": invitation.id,
                "email": invitation.email,
                "role": invitation.role.label,
                "invited_by": invitation.invited_by,
                "created_at": invitation.created_at,
                "expires_at": invitation.expires_at,
            }
        )
