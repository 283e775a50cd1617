"""Field types shared by several HTTP models of the auth service."""

from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, SecretStr, StringConstraints, WithJsonSchema

# RFC 5321 limits a path to 256 characters, including the angle brackets around the address.
MAX_EMAIL_LENGTH = 254


def _email(text: str) -> str:
    """Normalize to lower case. Domains of a plant's own network are accepted, so DNS is not consulted."""
    try:
        found = validate_email(text.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return found.normalized.lower()


def _whole_characters(secret: SecretStr) -> SecretStr:
    """JSON can contain half of a surrogate pair, which cannot be encoded."""
    if any("\ud800" <= character <= "\udfff" for character in secret.get_secret_value()):
        raise ValueError("must not contain unpaired surrogates")
    return secret


Email = Annotated[
    str,
    StringConstraints(max_length=MAX_EMAIL_LENGTH),
    AfterValidator(_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": MAX_EMAIL_LENGTH}),
]
NewPassword = Annotated[SecretStr, Field(min_length=12, max_length=128), AfterValidator(_whole_characters)]
KnownPassword = Annotated[SecretStr, Field(min_length=1, max_length=128), AfterValidator(_whole_characters)]
# Control characters and line breaks of all scripts. A name is one line: it appears in mail subjects.
BREAKS = r"\x00-\x1f\x7f-\x9f\u2028\u2029"
Name = Annotated[
    str,
    StringConstraints(
        strip_whitespace=True,
        min_length=1,
        max_length=255,
        pattern=rf"^[^{BREAKS}]*[^{BREAKS}\s][^{BREAKS}]*$",
    ),
]
RoleName = Literal["owner", "admin", "operator", "viewer"]
DeviceToken = Annotated[
    SecretStr | None, Field(max_length=1000, description="`device_token` of the last sign-in on this device")
]
OneTimeTokenText = Annotated[SecretStr, Field(min_length=1, max_length=200)]
