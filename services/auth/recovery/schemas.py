"""HTTP models of recovery."""

from pydantic import BaseModel, ConfigDict

from services.auth.fields import Email, NewPassword, OneTimeTokenText


class ForgotPassword(BaseModel):
    model_config = ConfigDict(extra="forbid")

    email: Email


class PasswordReset(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: OneTimeTokenText
    password: NewPassword
