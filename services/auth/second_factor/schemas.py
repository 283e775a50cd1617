"""HTTP models of second factors."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, JsonValue, SecretStr, StringConstraints, model_validator

from services.auth.fields import BREAKS, DeviceToken
from services.auth.second_factor.domain import Answer, Factors, Passkey
from services.auth.second_factor.service import Begun, NewSecret
from services.auth.sessions.methods import Method
from shared.http.fields import JsonObject, NotNull

ChallengeText = Annotated[SecretStr, Field(min_length=1, max_length=200)]
Code = Annotated[str, StringConstraints(pattern=r"^[0-9]{6}$"), Field(examples=["123456"])]
RecoveryCode = Annotated[SecretStr, Field(min_length=1, max_length=100)]
PasskeyName = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=100,
        pattern=rf"^[^{BREAKS}]*[^{BREAKS}\s][^{BREAKS}]*$",
    ),
]
ONE_ANSWER: list[JsonValue] = [{"required": [name]} for name in ("code", "recovery_code", "passkey")]


class SecondFactorAnswer(BaseModel):
    """Exactly one of `code`, `recovery_code` and `passkey`."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "oneOf": ONE_ANSWER,
            "examples": [{"challenge": "from the problem", "code": "123456"}],
        },
    )

    challenge: ChallengeText = Field(description="From the problem `second-factor-needed`")
    code: Annotated[Code | None, NotNull()] = Field(
        default=None, description="What the authenticator app shows"
    )
    recovery_code: Annotated[RecoveryCode | None, NotNull()] = Field(
        default=None, description="It works once"
    )
    passkey: Annotated[JsonObject | None, NotNull()] = Field(
        default=None,
        description="The credential that `navigator.credentials.get` returned, as its `toJSON` writes it",
    )
    device_token: DeviceToken = None

    @property
    def device(self) -> str | None:
        return self.device_token.get_secret_value() if self.device_token else None

    @model_validator(mode="after")
    def _one_answer(self) -> Self:
        if sum(given is not None for given in (self.code, self.recovery_code, self.passkey)) != 1:
            raise ValueError("send exactly one of code, recovery_code and passkey")
        return self

    @property
    def answer(self) -> Answer:
        if self.passkey is not None:
            return Answer(Method.PASSKEY, self.passkey)
        if self.recovery_code is not None:
            return Answer(Method.RECOVERY_CODE, self.recovery_code.get_secret_value())
        return Answer(Method.TOTP, self.code)


class TotpConfirmation(BaseModel):
    model_config = ConfigDict(extra="forbid")

    code: Code


class NewPasskey(BaseModel):
    model_config = ConfigDict(extra="forbid")

    challenge: ChallengeText = Field(description="From POST /users/me/passkey-challenges")
    name: PasskeyName = Field(examples=["Key on my ring"])
    credential: JsonObject = Field(
        description="What `navigator.credentials.create` returned, as its `toJSON` writes it"
    )


class PasskeyOut(BaseModel):
    id: UUID
    name: str
    created_at: datetime
    last_used_at: datetime | None

    @classmethod
    def of(cls, passkey: Passkey) -> "PasskeyOut":
        return cls.model_validate(passkey, from_attributes=True)


class SecondFactorsOut(BaseModel):
    totp: bool = Field(description="Whether an authenticator app is set up")
    passkeys: list[PasskeyOut]
    recovery_codes: int = Field(description="How many are left")

    @classmethod
    def of(cls, factors: Factors) -> "SecondFactorsOut":
        passkeys = [PasskeyOut.of(passkey) for passkey in factors.passkeys]
        return cls(totp=factors.has_totp, passkeys=passkeys, recovery_codes=factors.recovery_codes)


class TotpOut(BaseModel):
    """Shown once. The app counts after POST /users/me/totp/confirmation."""

    secret: str
    otpauth_url: str = Field(description="What the QR code for the app says")

    @classmethod
    def of(cls, made: NewSecret) -> "TotpOut":
        return cls(secret=made.secret, otpauth_url=made.address)


class PasskeyOptionsOut(BaseModel):
    challenge: str = Field(description="Send it back with the credential, within ten minutes")
    options: dict[str, Any] = Field(description="For `PublicKeyCredential.parseCreationOptionsFromJSON`")

    @classmethod
    def of(cls, begun: Begun) -> "PasskeyOptionsOut":
        return cls(challenge=begun.challenge, options=dict(begun.options))


class RecoveryCodesOut(BaseModel):
    recovery_codes: list[str] = Field(
        description="Shown once; empty if the account had a second factor before, whose codes stay valid"
    )


class NewPasskeyOut(RecoveryCodesOut):
    passkey: PasskeyOut
