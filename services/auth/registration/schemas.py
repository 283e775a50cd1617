"""HTTP models of registration."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from services.auth.fields import Email, Name, NewPassword
from services.auth.organizations.domain import Organization
from services.auth.organizations.schemas import OrganizationOut
from services.auth.users.domain import User
from services.auth.users.schemas import UserOut


class Registration(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(examples=["engineer@example.org"])
    password: NewPassword
    full_name: Name = Field(examples=["Ada Engineer"])
    organization_name: Name | None = Field(
        default=None, description="Creates an organization that the new user owns", examples=["Example Plant"]
    )
    invitation_token: Annotated[SecretStr, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Joins the organization of the invitation, which must be for this address"
    )

    @model_validator(mode="after")
    def _one_organization(self) -> Self:
        if self.organization_name is not None and self.invitation_token is not None:
            raise ValueError("organization_name and invitation_token are mutually exclusive")
        return self


class RegistrationOut(BaseModel):
    user: UserOut
    organization: OrganizationOut | None

    @classmethod
    def of(cls, user: User, organization: Organization | None) -> "RegistrationOut":
        founded = OrganizationOut.of(organization) if organization else None
        return cls(user=UserOut.of(user), organization=founded)
