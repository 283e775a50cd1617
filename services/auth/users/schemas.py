"""HTTP models of the caller's account."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.auth.fields import KnownPassword, Name, NewPassword
from services.auth.users.domain import User
from shared.http.fields import NotNull


class ProfileUpdate(BaseModel):
    """Omitted fields do not change."""

    model_config = ConfigDict(extra="forbid")

    full_name: Annotated[Name | None, NotNull()] = None


class PasswordChange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    current_password: KnownPassword
    new_password: NewPassword


class UserOut(BaseModel):
    id: UUID
    email: str
    full_name: str
    role: str
    is_active: bool
    email_verified: bool
    last_login: datetime | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, user: User) -> "UserOut":
        return cls.model_validate(user, from_attributes=True)
