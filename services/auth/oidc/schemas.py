"""HTTP models of single sign-on."""

from typing import Annotated

from pydantic import BaseModel, Field

Parameter = Annotated[str, Field(min_length=1, max_length=4000)]


class ProviderResponse(BaseModel):
    """The parameters that the provider adds to the redirect URL. Unknown ones are ignored."""

    state: Annotated[str, Field(min_length=1, max_length=200)]
    code: Parameter | None = None
    error: Parameter | None = None
    iss: Parameter | None = None
