"""HTTP models of organizations, whose settings come with secrets and go without."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.auth.fields import BREAKS, Name, RoleName
from services.auth.organizations.domain import MOST_SECRETS, SECRETS, Belonging, Organization
from shared.http.fields import JsonObject, NotNull

Slug = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Industry = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=100, pattern=rf"^[^{BREAKS}]*$")
]
Description = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=10_000, pattern=r"^[^\x00]*$")
]
LONGEST_SECRET = 5_000
SECRET_NAME = re.compile(r"[a-z0-9_]{1,50}")


def _without_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    if SECRETS in settings:
        raise ValueError("secrets are set by a PATCH of the organization, once it is there")
    return settings


def _named_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    """Each secret is a text, or null for one that goes; what it is, no message repeats."""
    secrets = settings.get(SECRETS, {})
    if not isinstance(secrets, dict) or len(secrets) > MOST_SECRETS:
        raise ValueError(f"secrets must be an object of at most {MOST_SECRETS} secrets by name")
    for name, secret in secrets.items():
        if not SECRET_NAME.fullmatch(name):
            raise ValueError("a secret's name must be of lower-case letters, digits and _, at most 50")
        if secret is not None and not (isinstance(secret, str) and 0 < len(secret) <= LONGEST_SECRET):
            raise ValueError(
                f"the secret {name} must be a text of 1 to {LONGEST_SECRET} characters, or null to remove it"
            )
    return settings


PlainSettings = Annotated[JsonObject, AfterValidator(_without_secrets)]
Settings = Annotated[
    JsonObject,
    AfterValidator(_named_secrets),
    Field(
        description="Replaced as a whole, but for `secrets`, an object of texts by name: they are stored"
        " encrypted and never answered. One that is not named stays, null removes it."
    ),
]


class OrganizationCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Example Plant"])
    slug: Slug | None = Field(default=None, description="Unique; made from the name when left out")
    description: Description | None = None
    industry: Industry | None = None
    settings: PlainSettings = {}


class OrganizationUpdate(BaseModel):
    """Only the fields that are sent change."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, NotNull()] = None
    slug: Annotated[Slug | None, NotNull()] = None
    description: Description | None = None
    industry: Industry | None = None
    settings: Annotated[Settings | None, NotNull()] = None


class OrganizationOut(BaseModel):
    model_config = ConfigDict(validate_by_name=True)

    id: UUID
    name: str
    slug: str
    description: str | None
    industry: str | None
    settings: dict[str, Any] = Field(validation_alias="public_settings", description="Without the secrets")
    secret_names: list[str] = Field(description="The secrets that the settings hold")
    subscription_tier: str
    is_active: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, organization: Organization) -> "OrganizationOut":
        return cls.model_validate(organization, from_attributes=True)


class OwnOrganizationOut(OrganizationOut):
    """An organization with the caller's role in it."""

    role: RoleName

    @classmethod
    def of_belonging(cls, belonging: Belonging) -> "OwnOrganizationOut":
        plain = OrganizationOut.of(belonging.organization).model_dump()
        return cls.model_validate(plain | {"role": belonging.role.label})
