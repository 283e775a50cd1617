"""HTTP models of confirmations."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class ConfirmationToken(BaseModel):
    model_config = ConfigDict(extra="forbid")

    token: Annotated[str, StringConstraints(min_length=10, max_length=200)] = Field(
        description="What follows #token= in the link"
    )
