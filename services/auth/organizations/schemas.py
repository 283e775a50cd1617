"""HTTP models of organizations. Settings are sent with secrets, and returned without."""

import re
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from services.auth.fields import BREAKS, Name, RoleName
from services.auth.organizations.domain import MAX_SECRETS, SECRETS, Organization, OrganizationAccess
from shared.http.fields import JsonObject, NotNull

Slug = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Industry = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=100, pattern=rf"^[^{BREAKS}]*$")
]
Description = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=10_000, pattern=r"^[^\x00]*$")
]
MAX_SECRET_LENGTH = 5_000
SECRET_NAME = re.compile(r"[a-z0-9_]{1,50}")


def _without_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    if SECRETS in settings:
        raise ValueError("secrets can only be set with PATCH, after the organization was created")
    return settings


def _named_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    """A secret is a string, or null to remove it. No error message repeats it."""
    secrets = settings.get(SECRETS, {})
    if not isinstance(secrets, dict) or len(secrets) > MAX_SECRETS:
        raise ValueError(f"secrets must be an object with at most {MAX_SECRETS} named secrets")
    for name, secret in secrets.items():
        if not SECRET_NAME.fullmatch(name):
            raise ValueError(
                "the name of a secret must consist of at most 50 lower-case letters, digits and underscores"
            )
        if secret is not None and not (isinstance(secret, str) and 0 < len(secret) <= MAX_SECRET_LENGTH):
            raise ValueError(
                f"the secret {name} must be a string of 1 to {MAX_SECRET_LENGTH} characters, or null"
            )
    return settings


PlainSettings = Annotated[JsonObject, AfterValidator(_without_secrets)]
Settings = Annotated[
    JsonObject,
    AfterValidator(_named_secrets),
    Field(
        description="Replaced as a whole, except for `secrets`, an object of named strings. Secrets are"
        " stored encrypted and never returned. Omitted secrets are kept; null removes one. `retention` holds"
        " the organization's own limits, in days within the installation's bounds: analyses_days,"
        " archives_days, uploads_days, audit_logs_days, alerts_days, deliveries_days; and export_audit_logs,"
        " true to export entries of the audit trail before they are deleted."
    ),
]


class OrganizationCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(examples=["Example Plant"])
    slug: Slug | None = Field(default=None, description="Unique; derived from the name if omitted")
    description: Description | None = None
    industry: Industry | None = None
    settings: PlainSettings = {}


class OrganizationUpdate(BaseModel):
    """Omitted fields do not change."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[Name | None, NotNull()] = None
    slug: Annotated[Slug | None, NotNull()] = None
    description: Description | None = None
    industry: Industry | None = None
    settings: Annotated[Settings | None, NotNull()] = None
    single_sign_on_only: Annotated[bool | None, NotNull()] = Field(
        default=None,
        description="Whether members must sign in through the provider to act here. Only somebody who"
        " has done so"
        " can set it.",
    )
    second_factor_required: Annotated[bool | None, NotNull()] = Field(
        default=None,
        description="Whether members must sign in with a second factor to act here. Only somebody who"
        " has done so"
        " can set it.",
    )


class OrganizationOut(BaseModel):
    model_config = ConfigDict(validate_by_name=True)

    id: UUID
    name: str
    slug: str
    description: str | None
    industry: str | None
    settings: dict[str, Any] = Field(validation_alias="public_settings", description="Without the secrets")
    secret_names: list[str] = Field(description="The names of the secrets in the settings")
    subscription_tier: str
    is_active: bool
    single_sign_on_only: bool
    second_factor_required: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, organization: Organization) -> "OrganizationOut":
        return cls.model_validate(organization, from_attributes=True)


class OwnOrganizationOut(OrganizationOut):
    """An organization with the caller's role in it."""

    role: RoleName

    @classmethod
    def of_access(cls, access: OrganizationAccess) -> "OwnOrganizationOut":
        plain = OrganizationOut.of(access.organization).model_dump()
        return cls.model_validate(plain | {"role": access.role.label})
