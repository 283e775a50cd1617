"""HTTP models of members."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from services.auth.fields import RoleName
from services.auth.members.domain import Member
from shared.http.fields import NotNull


class MemberUpdate(BaseModel):
    """Omitted fields do not change."""

    model_config = ConfigDict(extra="forbid")

    role: Annotated[RoleName | None, NotNull()] = None
    is_active: Annotated[
        bool | None,
        NotNull(),
        Field(description="false takes the member's access away, API keys included; true gives it back"),
    ] = None


class MemberOut(BaseModel):
    user_id: UUID
    email: str
    full_name: str
    role: RoleName
    is_active: bool = Field(
        description="Whether the member has access: not suspended, nor the account closed"
    )
    joined_at: datetime

    @classmethod
    def of(cls, member: Member) -> "MemberOut":
        return cls.model_validate(
            {
                "user_id": member.membership.user_id,
                "email": member.email,
                "full_name": member.full_name,
                "role": member.membership.role.label,
                "is_active": member.is_active,
                "joined_at": member.membership.joined_at,
            }
        )
