"""HTTP models of verification."""

from pydantic import BaseModel, ConfigDict

from services.auth.fields import OneTimeTokenText


class TokenRequest(BaseModel):
    """The token of a link: the part after `#token=`."""

    model_config = ConfigDict(extra="forbid")

    token: OneTimeTokenText
