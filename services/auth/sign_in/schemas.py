"""HTTP models of signing in and out."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from services.auth.fields import DeviceToken, Email, KnownPassword
from services.auth.keys.domain import TokenPair

RefreshTokenText = Annotated[SecretStr, Field(min_length=1, max_length=200)]


class Credentials(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email
    password: KnownPassword
    device_token: DeviceToken = None

    @property
    def device(self) -> str | None:
        return self.device_token.get_secret_value() if self.device_token else None


class RefreshRequest(BaseModel):
    model_config = ConfigDict(extra="forbid")

    refresh_token: RefreshTokenText


class TokenPairOut(BaseModel):
    access_token: str
    refresh_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105 - the scheme's name
    expires_in: int = Field(description="Lifetime of the access token in seconds")
    device_token: str | None = Field(
        default=None,
        description="After a sign-in with a password: send it with the next one from this device, so"
        " that guesses"
        " from elsewhere do not slow it down. It opens nothing.",
    )

    @classmethod
    def of(cls, pair: TokenPair, device_token: str | None = None) -> "TokenPairOut":
        return cls(
            access_token=pair.access_token,
            refresh_token=pair.refresh_token,
            expires_in=pair.expires_in,
            device_token=device_token,
        )


class SignInMethodsOut(BaseModel):
    """What this installation offers to whoever is not signed in."""

    passwords: bool
    single_sign_on: bool
    registration: Literal["open", "invited", "closed"]
