"""Field types that several HTTP models of the auth service share."""

from typing import Annotated, Literal

from email_validator import EmailNotValidError, validate_email
from pydantic import AfterValidator, Field, SecretStr, StringConstraints, WithJsonSchema

# RFC 5321 allows a path of 256 characters, two of which are the angle brackets around the address.
LONGEST_EMAIL = 254


def _email(text: str) -> str:
    """The normal form in lower case. Plants mail inside their own networks: no public domain is asked for."""
    try:
        found = validate_email(text.strip(), check_deliverability=False, globally_deliverable=False)
    except EmailNotValidError as error:
        raise ValueError(str(error)) from None
    return found.normalized.lower()


def _whole_characters(secret: SecretStr) -> SecretStr:
    """JSON can spell half of a surrogate pair, which no encoding carries."""
    if any("\ud800" <= character <= "\udfff" for character in secret.get_secret_value()):
        raise ValueError("must consist of whole characters, without unpaired surrogates")
    return secret


Email = Annotated[
    str,
    StringConstraints(max_length=LONGEST_EMAIL),
    AfterValidator(_email),
    WithJsonSchema({"type": "string", "format": "email", "maxLength": LONGEST_EMAIL}),
]
NewPassword = Annotated[SecretStr, Field(min_length=12, max_length=128), AfterValidator(_whole_characters)]
KnownPassword = Annotated[SecretStr, Field(min_length=1, max_length=128), AfterValidator(_whole_characters)]
# What ends a line or controls one, in any script. A name is one line, and stands in the subjects of letters.
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
OneTimeTokenText = Annotated[SecretStr, Field(min_length=1, max_length=200)]
