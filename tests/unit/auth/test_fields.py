"""What the HTTP models accept."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from services.auth.fields import MAX_EMAIL_LENGTH, Email
from services.auth.registration.schemas import Registration
from services.auth.sign_in.schemas import Credentials

EMAIL = TypeAdapter(Email)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("Ada.Engineer@Example.ORG", "ada.engineer@example.org"),
        (" ada@plant.lan ", "ada@plant.lan"),
        ("ada@mailhost", "ada@mailhost"),
        ("ADA+shift2@example.org", "ada+shift2@example.org"),
    ],
)
def test_addresses_are_normalized(text: str, address: str) -> None:
    assert EMAIL.validate_python(text) == address
    assert EMAIL.validate_python(address) == address


@given(st.text(max_size=300) | st.emails())
def test_any_text_is_either_a_valid_address_or_refused(text: str) -> None:
    try:
        address = EMAIL.validate_python(text)
    except ValidationError:
        return
    assert len(address) <= MAX_EMAIL_LENGTH
    assert "\x00" not in address
    assert address == EMAIL.validate_python(address)


def test_passwords_are_never_shown() -> None:
    body = Credentials.model_validate({"email": "a@example.org", "password": "correct horse"})
    assert "correct horse" not in f"{body!r} {body.model_dump_json()}"


@pytest.mark.parametrize("character", ["\n", "\x00", "\x7f", "\x85", "\u2028", "\u2029"], ids=ascii)
def test_a_name_is_one_line_in_any_script(character: str) -> None:
    """It appears in mail subjects, which have one line."""
    body = {"email": "a@example.org", "password": "correct horse", "full_name": "Ada"}
    for field in ("full_name", "organization_name"):
        with pytest.raises(ValidationError):
            Registration.model_validate(body | {field: f"Plant{character}North"})
    assert Registration.model_validate(body | {"organization_name": "Werk Süd 北"}).organization_name
