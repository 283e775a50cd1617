"""HTTP models of API keys."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.auth.api_keys.domain import ApiKey, KeyToken
from services.auth.fields import Name
from shared.http.fields import Moment

KeyRoleName = Literal["admin", "operator", "viewer"]


class ApiKeyCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="What the key is for", examples=["historian of hall 3"])
    role: KeyRoleName = Field(description="At most your own role; never owner")
    expires_at: Moment | None = Field(
        default=None, description="If omitted, the key is valid until it is deleted"
    )


class ApiKeyOut(BaseModel):
    id: UUID
    name: str
    role: KeyRoleName
    created_by: UUID
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None = Field(description="Accurate to a few minutes")

    @classmethod
    def of(cls, key: ApiKey) -> "ApiKeyOut":
        return cls.model_validate(_values(key))


class NewApiKeyOut(ApiKeyOut):
    key: str = Field(description="The key itself, which is not shown again", examples=["dk_<id>_<secret>"])

    @classmethod
    def of_new(cls, key: ApiKey, text: str) -> "NewApiKeyOut":
        return cls.model_validate(_values(key) | {"key": text})


class KeyExchange(BaseModel):
    model_config = ConfigDict(extra="forbid")

    api_key: SecretStr = Field(max_length=200)


class KeyTokenOut(BaseModel):
    access_token: str
    expires_in: int
    key_id: UUID

    @classmethod
    def of(cls, token: KeyToken) -> "KeyTokenOut":
        return cls(access_token=token.access_token, expires_in=token.expires_in, key_id=token.key_id)


def _values(key: ApiKey) -> dict[str, object]:
    return {
        "id": key.id,
        "name": key.name,
        "role": key.role.label,
        "created_by": key.created_by,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "last_used_at": key.last_used_at,
    }
