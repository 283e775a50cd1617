"""The targets of contact points, as pydantic models."""

from typing import Annotated, Literal, TypeAlias
from uuid import UUID

from pydantic import EmailStr, Field, SecretStr

from services.alerting.rules.actions import Handle, SigningSecret, WebhookUrl
from services.alerting.rules.documents import Document
from shared.http.fields import NotNull


class EmailTarget(Document):
    kind: Literal["email"]
    address: EmailStr = Field(description="Of a mailbox, such as that of a shift. Sealed")


class WebhookTarget(Document):
    kind: Literal["webhook"]
    url: WebhookUrl = Field(description="Sealed; below the role admin, only its host is shown")
    secrets: Annotated[list[SigningSecret] | None, Field(min_length=1, max_length=2), NotNull()] = Field(
        default=None,
        description="Every message is signed with each. To change a secret, give the new and the old one,"
        " then only the new one. Without any, a webhook keeps those that it has. Never returned.",
    )


class AppriseTarget(Document):
    kind: Literal["apprise"]
    url: SecretStr = Field(
        description="The address of a chat or phone service as apprise writes it, such as"
        " slack://TokenA/TokenB/TokenC. Never returned.",
        min_length=4,
        max_length=2000,
    )


class RoleTarget(Document):
    kind: Literal["role"]
    role: Literal["owner", "admin", "operator", "viewer"]


class UserTarget(Document):
    kind: Literal["user"]
    user_id: UUID


class RotationTarget(Document):
    kind: Literal["rotation"]
    rotation: Handle = Field(description="The name of a rotation: whoever is on call gets mail")


ContactTarget: TypeAlias = Annotated[
    EmailTarget | WebhookTarget | AppriseTarget | RoleTarget | UserTarget | RotationTarget,
    Field(discriminator="kind"),
]
