"""HTTP models of verification, recovery and invitations."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.auth.domain_accounts import Invitation
from services.auth.schemas import Email, NewPassword, RoleName

OneTimeTokenText = Annotated[SecretStr, Field(min_length=1, max_length=200)]


class TokenRequest(BaseModel):
    """The token of a link: what follows `#token=`."""

    model_config = ConfigDict(extra="forbid")

    token: OneTimeTokenText


class ForgotPassword(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email


class PasswordReset(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: OneTimeTokenText
    password: NewPassword


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
