"""HTTP models of sign-in through a provider."""

from typing import Annotated

from pydantic import BaseModel, Field

Word = Annotated[str, Field(min_length=1, max_length=4000)]


class ProviderAnswer(BaseModel):
    """What the provider gives the browser along. Providers add parameters of their own, which are ignored."""

    state: Annotated[str, Field(min_length=1, max_length=200)]
    code: Word | None = None
    error: Word | None = None
    iss: Word | None = None
