"""HTTP models of the administration of the installation."""

from collections.abc import Sequence
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from services.auth.fields import RoleName
from services.auth.organizations.domain import OrganizationAccess
from services.auth.users.domain import User
from services.auth.users.schemas import UserOut


class ActiveUpdate(BaseModel):
    """Whether somebody may act."""

    model_config = ConfigDict(extra="forbid")

    is_active: bool


class OrganizationOfUser(BaseModel):
    id: UUID
    name: str
    slug: str
    role: RoleName


class AccountOut(UserOut):
    """An account, and the organizations where it has access."""

    organizations: list[OrganizationOfUser]

    @classmethod
    def with_organizations(cls, user: User, found: Sequence[OrganizationAccess]) -> "AccountOut":
        places = [
            {"id": o.id, "name": o.name, "slug": o.slug, "role": access.role.label}
            for access in found
            for o in [access.organization]
        ]
        return cls.model_validate(UserOut.of(user).model_dump() | {"organizations": places})
