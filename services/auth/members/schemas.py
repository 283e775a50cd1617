"""HTTP models of members."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.auth.fields import RoleName
from services.auth.members.domain import Member


class MemberUpdate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    role: RoleName


class MemberOut(BaseModel):
    user_id: UUID
    email: str
    full_name: str
    role: RoleName
    is_active: bool
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
