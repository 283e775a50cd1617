"""HTTP models of checking access."""

from collections.abc import Mapping
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.access import Role


class AccessIn(BaseModel):
    """What a token said."""

    model_config = ConfigDict(extra="forbid")

    user_id: UUID
    session_id: UUID | None
    api_key_id: UUID | None
    organization_id: UUID | None


class AccessOut(BaseModel):
    """The role in the organization now, null if none was asked about, and the roles in all organizations."""

    role: str | None
    memberships: dict[UUID, str]

    @classmethod
    def of(cls, role: Role | None, memberships: Mapping[UUID, Role]) -> "AccessOut":
        return cls(
            role=role.label if role else None,
            memberships={place: role.label for place, role in memberships.items()},
        )
