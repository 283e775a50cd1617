"""HTTP models of the auth service: an organization's settings, with and without secrets."""

import re
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from services.auth.domain import MOST_SECRETS, SECRETS
from shared.http.fields import JsonObject

LONGEST_SECRET = 5_000
SECRET_NAME = re.compile(r"[a-z0-9_]{1,50}")


def _without_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    if SECRETS in settings:
        raise ValueError("secrets are set by a PATCH of the organization, once it is there")
    return settings


def _named_secrets(settings: dict[str, Any]) -> dict[str, Any]:
    """Each secret is a text, or null for one that goes; what it is, no message repeats."""
    secrets = settings.get(SECRETS, {})
    if not isinstance(secrets, dict) or len(secrets) > MOST_SECRETS:
        raise ValueError(f"secrets must be an object of at most {MOST_SECRETS} secrets by name")
    for name, secret in secrets.items():
        if not SECRET_NAME.fullmatch(name):
            raise ValueError("a secret's name must be of lower-case letters, digits and _, at most 50")
        if secret is not None and not (isinstance(secret, str) and 0 < len(secret) <= LONGEST_SECRET):
            raise ValueError(
                f"the secret {name} must be a text of 1 to {LONGEST_SECRET} characters, or null to remove it"
            )
    return settings


PlainSettings = Annotated[JsonObject, AfterValidator(_without_secrets)]
Settings = Annotated[
    JsonObject,
    AfterValidator(_named_secrets),
    Field(
        description="Replaced as a whole, but for `secrets`, an object of texts by name: they are stored"
        " encrypted and never answered. One that is not named stays, null removes it."
    ),
]
