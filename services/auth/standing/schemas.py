"""HTTP models of checking access."""

from uuid import UUID

from pydantic import BaseModel, ConfigDict


class AccessIn(BaseModel):
    """What a token said."""

    model_config = ConfigDict(extra="forbid")

    user_id: UUID
    session_id: UUID | None
    api_key_id: UUID | None
    organization_id: UUID | None


class AccessOut(BaseModel):
    """The role in the organization now; null if none was asked about."""

    role: str | None
