"""HTTP models of the auth service."""

from datetime import datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from email_validator import EmailNotValidError, validate_email
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from services.auth.domain import AuditEntry, Belonging, Member, Organization, RefreshToken, TokenPair, User
from services.auth.schemas_settings import PlainSettings, Settings
from shared.http.fields import NotNull

# RFC 5321 allows a path of 256 characters, two of which are the angle brackets around the address.
LONGEST_EMAIL = 254


def _email(text: str) -> str:
    """The normal form in lower case. Plants mail inside their own networks: no public domain is asked for."""
    try:
        found = validate_email(text.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return found.normalized.lower()


def _whole_characters(secret: SecretStr) -> SecretStr:
    """JSON can spell half of a surrogate pair, which no encoding carries."""
    if any("\ud800" <= character <= "\udfff" for character in secret.get_secret_value()):
        raise ValueError("must consist of whole characters, without unpaired surrogates")
    return secret


Email = Annotated[
    str,
    StringConstraints(max_length=LONGEST_EMAIL),
    AfterValidator(_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": LONGEST_EMAIL}),
]
NewPassword = Annotated[SecretStr, Field(min_length=12, max_length=128), AfterValidator(_whole_characters)]
KnownPassword = Annotated[SecretStr, Field(min_length=1, max_length=128), AfterValidator(_whole_characters)]
# What ends a line or controls one, in any script. A name is one line, and stands in the subjects of letters.
BREAKS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=255,
        pattern=rf"^[^{BREAKS}]*[^{BREAKS}\s][^{BREAKS}]*$",
    ),
]
Slug = Annotated[str, StringConstraints(min_length=1, max_length=100, pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
Industry = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=100, pattern=rf"^[^{BREAKS}]*$")
]
Description = Annotated[
    str, StringConstraints(strip_whitespace=True, max_length=10_000, pattern=r"^[^\x00]*$")
]
RoleName = Literal["owner", "admin", "operator", "viewer"]
RefreshTokenText = Annotated[SecretStr, Field(min_length=1, max_length=200)]


class Registration(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email = Field(examples=["engineer@example.org"])
    password: NewPassword
    full_name: Name = Field(examples=["Ada Engineer"])
    organization_name: Name | None = Field(
        default=None, description="Founds an organization that the new user owns", examples=["Example Plant"]
    )
    invitation_token: Annotated[SecretStr, Field(min_length=1, max_length=200)] | None = Field(
        default=None, description="Joins the organization of that invitation, which must be for this address"
    )

    @model_validator(mode="after")
    def _one_organization(self) -> Self:
        if self.organization_name is not None and self.invitation_token is not None:
            raise ValueError("give organization_name or invitation_token, not both")
        return self


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email
    password: KnownPassword


class RefreshRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refresh_token: RefreshTokenText


class TokenPairOut(BaseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the scheme's name
    expires_in: int = Field(description="Lifetime of the access token in seconds")

    @classmethod
    def of(cls, pair: TokenPair) -> "TokenPairOut":
        return cls(
            access_token=pair.access_token, refresh_token=pair.refresh_token, expires_in=pair.expires_in
        )


class PublicKeyOut(BaseModel):
    """One JSON Web Key (RFC 7517, RFC 8037)."""

    kty: str
    crv: str
    x: str
    kid: str
    use: str
    alg: str


class KeySetOut(BaseModel):
    keys: list[PublicKeyOut]


class ProfileUpdate(BaseModel):
    """Only the fields that are sent change."""

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


class SessionOut(BaseModel):
    """A sign-in that is still live; `current` marks the one that asks."""

    id: UUID
    created_at: datetime
    last_used_at: datetime
    expires_at: datetime
    ip_address: str | None
    user_agent: str | None
    current: bool

    @classmethod
    def of(cls, token: RefreshToken, current: UUID | None) -> "SessionOut":
        return cls(
            id=token.family_id,
            created_at=token.signed_in_at,
            last_used_at=token.created_at,
            expires_at=token.expires_at,
            ip_address=token.ip_address,
            user_agent=token.user_agent,
            current=token.family_id == current,
        )


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


class RegistrationOut(BaseModel):
    user: UserOut
    organization: OrganizationOut | None

    @classmethod
    def of(cls, user: User, organization: Organization | None) -> "RegistrationOut":
        founded = OrganizationOut.of(organization) if organization else None
        return cls(user=UserOut.of(user), organization=founded)


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


class AuditEntryOut(BaseModel):
    id: UUID
    user_id: UUID | None
    organization_id: UUID | None
    action: str
    resource_type: str | None
    resource_id: UUID | None
    changes: dict[str, Any] | None
    ip_address: str | None
    user_agent: str | None
    created_at: datetime
    api_key_id: UUID | None = Field(description="The key that a program acted with; the user then made it")

    @classmethod
    def of(cls, entry: AuditEntry) -> "AuditEntryOut":
        return cls.model_validate(entry, from_attributes=True)
